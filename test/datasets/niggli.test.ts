import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  cellVolume,
  determinant,
  latticeFromParameters,
  metricTensor,
  multiplyRows,
  niggliReduce,
  toNiggliCell,
  type Lattice,
} from '@unitcell/datasets'
import { hasShared } from '../shared.js'
import {
  anyLattice,
  anySkeleton,
  pairDistances,
  readBuiltIn,
  readReference,
  toStructure,
  unimodular,
} from './skeletons.js'

/** A, B, C, xi, eta, zeta as in the papers. */
function characteristic(lattice: Lattice): number[] {
  const g = metricTensor(lattice)
  return [g[0], g[4], g[8], 2 * g[5], 2 * g[2], 2 * g[1]]
}

function latticeOf([A, B, C, xi, eta, zeta]: number[]): Lattice {
  const [a, b, c] = [A, B, C].map(Math.sqrt)
  const angle = (twiceDot: number, product: number) => (Math.acos(twiceDot / 2 / product) * 180) / Math.PI
  return latticeFromParameters([a, b, c, angle(xi, b * c), angle(eta, a * c), angle(zeta, a * b)])
}

/** Niggli's conditions (International Tables A, 9.2.2): the broken ones by name. */
function brokenConditions(lattice: Lattice): string[] {
  const [A, B, C, xi, eta, zeta] = characteristic(lattice)
  const eps = 1.001e-5 * Math.cbrt(cellVolume(lattice))
  const atMost = (x: number, y: number) => x <= y + eps
  const equal = (x: number, y: number) => Math.abs(x - y) <= eps / 2
  const isPositive = Math.min(xi, eta, zeta) > 0.999e-5 * Math.cbrt(cellVolume(lattice))
  const conditions: [string, boolean][] = [
    ['A <= B <= C', atMost(A, B) && atMost(B, C)],
    [
      '|xi| <= B, |eta| <= A, |zeta| <= A',
      atMost(Math.abs(xi), B) && atMost(Math.max(Math.abs(eta), Math.abs(zeta)), A),
    ],
    ['signs all positive or none', isPositive || (xi <= eps && eta <= eps && zeta <= eps)],
    ['A = B: |xi| <= |eta|', !equal(A, B) || atMost(Math.abs(xi), Math.abs(eta))],
    ['B = C: |eta| <= |zeta|', !equal(B, C) || atMost(Math.abs(eta), Math.abs(zeta))],
    ['sum of faces', isPositive || atMost(0, xi + eta + zeta + A + B)],
    ['xi = B: zeta <= 2 eta', !isPositive || !equal(xi, B) || atMost(zeta, 2 * eta)],
    ['eta = A: zeta <= 2 xi', !isPositive || !equal(eta, A) || atMost(zeta, 2 * xi)],
    ['zeta = A: eta <= 2 xi', !isPositive || !equal(zeta, A) || atMost(eta, 2 * xi)],
    ['xi = -B: zeta = 0', isPositive || !equal(xi, -B) || Math.abs(zeta) <= eps],
    ['eta = -A: zeta = 0', isPositive || !equal(eta, -A) || Math.abs(zeta) <= eps],
    ['zeta = -A: eta = 0', isPositive || !equal(zeta, -A) || Math.abs(eta) <= eps],
    [
      'sum = 0: 2 (A + eta) + zeta <= 0',
      isPositive || !equal(xi + eta + zeta + A + B, 0) || atMost(2 * (A + eta) + zeta, 0),
    ],
  ]
  return conditions.filter(([, holds]) => !holds).map(([name]) => name)
}

function expectClose(found: ArrayLike<number>, expected: ArrayLike<number>, tolerance: number): void {
  Array.from(found, (value, k) => expect(Math.abs(value - expected[k])).toBeLessThan(tolerance))
}

describe('the Niggli cell', () => {
  test('of the example of Krivy and Gruber (1976) is theirs', () => {
    const { lattice } = niggliReduce(latticeOf([9, 27, 4, -5, -4, -22]))
    expectClose(characteristic(lattice), [4, 9, 9, 9, 3, 4], 1e-9)
  })

  test('of the primitive cells of cubic lattices is the textbook one', () => {
    const reduced = (rows: number[]) => characteristic(niggliReduce(Float64Array.from(rows)).lattice)
    expectClose(reduced([0, 2, 2, 2, 0, 2, 2, 2, 0]), [8, 8, 8, 8, 8, 8], 1e-9)
    expectClose(reduced([-2, 2, 2, 2, -2, 2, 2, 2, -2]), [12, 12, 12, -8, -8, -8], 1e-9)
    expectClose(reduced([0, 0, 3, 3, 0, 0, 3, 3, 3]), [9, 9, 9, 0, 0, 0], 1e-9)
  })

  test('meets the conditions of Niggli, keeps the volume and is right-handed', () => {
    fc.assert(
      fc.property(anyLattice, unimodular, (lattice, change) => {
        const { lattice: reduced, transform } = niggliReduce(multiplyRows(change, lattice))
        expect(brokenConditions(reduced)).toEqual([])
        expect(determinant(reduced)).toBeCloseTo(cellVolume(lattice), 6)
        expect(Math.abs(determinant(transform))).toBe(1)
      }),
      { numRuns: 1000 },
    )
  })

  test('does not depend on the setting it is found from', () => {
    fc.assert(
      fc.property(anyLattice, unimodular, (lattice, change) => {
        const reduced = metricTensor(niggliReduce(lattice).lattice)
        const again = metricTensor(niggliReduce(multiplyRows(change, lattice)).lattice)
        expectClose(again, reduced, 20e-5 * Math.cbrt(cellVolume(lattice)))
      }),
      { numRuns: 1000 },
    )
  })

  test('does not depend on the setting for real crystals, whose symmetric cells sit on every tie', () => {
    const crystals = hasShared ? readReference('nonmetals').map(toStructure) : readBuiltIn()
    fc.assert(
      fc.property(fc.constantFrom(...crystals), unimodular, ({ lattice }, change) => {
        const reduced = niggliReduce(lattice).lattice
        const again = niggliReduce(multiplyRows(change, lattice)).lattice
        expect(brokenConditions(again)).toEqual([])
        expectClose(metricTensor(again), metricTensor(reduced), 5e-3)
      }),
      { numRuns: 1000 },
    )
  })

  test('is its own', () => {
    fc.assert(
      fc.property(anyLattice, (lattice) => {
        const { lattice: reduced } = niggliReduce(lattice)
        expect([...niggliReduce(reduced).transform]).toEqual([1, 0, 0, 0, 1, 0, 0, 0, 1])
      }),
    )
  })

  test('of a cell skewed a million times over is found', () => {
    const { lattice } = niggliReduce(Float64Array.of(1, 0, 0, 1000, 1, 0, 517, 801, 1))
    expectClose(characteristic(lattice), [1, 1, 1, 0, 0, 0], 1e-6)
  })

  test('of a cell without a volume is refused', () => {
    expect(() => niggliReduce(Float64Array.of(1, 0, 0, 2, 0, 0, 0, 0, 1))).toThrow(
      expect.objectContaining({ code: 'invalid_lattice' }),
    )
  })
})

describe('a crystal in its Niggli cell', () => {
  test('has the same distances between its sites', () => {
    fc.assert(
      fc.property(anySkeleton, (skeleton) => {
        const reduced = toNiggliCell(skeleton)
        expectClose(pairDistances(reduced, 12, 6), pairDistances(skeleton, 12, 6), 1e-8)
      }),
      { numRuns: 30 },
    )
  })

  test('has wrapped coordinates, and sites and everything else in place', () => {
    fc.assert(
      fc.property(anySkeleton, (skeleton) => {
        const reduced = toNiggliCell({ ...skeleton, species: 'kept' })
        expect(reduced.species).toBe('kept')
        expect(reduced.fracCoords.every((value) => value >= 0 && value < 1)).toBe(true)
        // A whole number of cells lies between a site and its old place.
        const { transform } = niggliReduce(skeleton.lattice)
        const back = multiplyRows(reduced.fracCoords, transform)
        back.forEach((value, k) => expect(Math.abs(cyclic(value - skeleton.fracCoords[k]))).toBeLessThan(1e-9))
      }),
    )
  })
})

function cyclic(value: number): number {
  return value - Math.round(value)
}
