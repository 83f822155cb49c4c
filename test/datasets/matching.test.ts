import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  matchSkeletons,
  multiplyRows,
  permuteSkeleton,
  sitePermutations,
  toNiggliCell,
  inverse3,
  type Skeleton,
} from '@unitcell/datasets'
import { pairDistances, readBuiltIn, skeletonAndOrder, unimodular } from './skeletons.js'

const rotation = fc.tuple(fc.double({ min: 0, max: 6, noNaN: true }), fc.boolean()).map(([angle, isMirrored]) => {
  const [c, s] = [Math.cos(angle), Math.sin(angle)]
  return [c, s, 0, -s, c, 0, 0, 0, isMirrored ? -1 : 1]
})
const shift = fc.array(fc.double({ min: -2, max: 2, noNaN: true }), { minLength: 3, maxLength: 3 })

/** The same crystal: another listing, origin, orientation in space and choice of cell. */
function disguise(skeleton: Skeleton, order: Uint16Array, t: number[], turn: number[], cell: number[]): Skeleton {
  const { lattice, fracCoords } = permuteSkeleton(skeleton, order)
  return {
    lattice: multiplyRows(multiplyRows(cell, lattice), turn),
    fracCoords: multiplyRows(
      fracCoords.map((value, k) => value + t[k % 3]),
      inverse3(cell).map(Math.round),
    ),
  }
}

describe('skeletons match', () => {
  test('themselves, site by site', () => {
    for (const crystal of readBuiltIn()) {
      expect([...matchSkeletons(crystal, crystal)!]).toEqual([...crystal.species.keys()])
    }
  })

  test('in another listing, origin, orientation and cell, and the match carries distances over', () => {
    const unit = fc.constant<number[]>([1, 0, 0, 0, 1, 0, 0, 0, 1])
    fc.assert(
      fc.property(skeletonAndOrder, shift, rotation, fc.oneof(unit, unimodular), ([a, order], t, turn, cell) => {
        const b = disguise(a, order, t, turn, cell)
        const match = matchSkeletons(a, b)
        expect(match).not.toBeNull()
        expect([...match!].sort((p, q) => p - q)).toEqual([...order.keys()])
        // Distances of the sites of each pair, up to cell vectors, are the same on both sides.
        const inB = toNiggliCell(permuteSkeleton(b, match!))
        const inA = toNiggliCell(a)
        for (let i = 1; i < order.length; i++) {
          const pair = (skeleton: Skeleton) => pairDistances(permuteSkeleton(skeleton, Uint16Array.of(0, i)), 6, 2)
          pair(inA).forEach((d, k) => expect(Math.abs(d - pair(inB)[k])).toBeLessThan(0.05))
        }
      }),
      { numRuns: 60 },
    )
  })

  test('up to a symmetry of the skeleton: the listing found is one of its permutations', () => {
    for (const crystal of readBuiltIn().slice(0, 60)) {
      const order = Uint16Array.from(crystal.species.keys()).reverse()
      const match = matchSkeletons(crystal, permuteSkeleton(crystal, order))!
      const symmetry = Uint16Array.from(match, (site) => order[site])
      const known = sitePermutations(crystal).map((p) => p.join())
      expect(known).toContain(symmetry.join())
    }
  })

  test('within the tolerance, not beyond it', () => {
    const crystals = readBuiltIn().filter(({ species }) => species.length >= 2)
    for (const crystal of crystals.slice(0, 60)) {
      const displaced = (angstrom: number) => {
        const direction = multiplyRows([angstrom, 0, 0], inverse3(crystal.lattice))
        return { ...crystal, fracCoords: crystal.fracCoords.map((value, k) => (k < 3 ? value + direction[k] : value)) }
      }
      expect(matchSkeletons(crystal, displaced(0.009))).not.toBeNull()
      expect(matchSkeletons(crystal, displaced(0.06))).toBeNull()
      expect(matchSkeletons(crystal, displaced(0.06), 0.07)).not.toBeNull()
    }
  })

  test('never another number of sites, volume or shape of the cell', () => {
    const [crystal] = readBuiltIn()
    const scaled = { ...crystal, lattice: crystal.lattice.map((x) => x * 1.02) }
    const sheared = { ...crystal, lattice: multiplyRows(crystal.lattice, [1.03, 0, 0, 0, 1 / 1.03, 0, 0, 0, 1]) }
    const smaller = { ...crystal, fracCoords: crystal.fracCoords.subarray(0, 3) }
    for (const other of [scaled, sheared, smaller]) expect(matchSkeletons(crystal, other)).toBeNull()
  })

  test('both ways: there and back is a symmetry', () => {
    for (const crystal of readBuiltIn().slice(0, 40)) {
      const other = permuteSkeleton(crystal, Uint16Array.from(crystal.species.keys()).reverse())
      const there = matchSkeletons(crystal, other)!
      const back = matchSkeletons(other, crystal)!
      const known = sitePermutations(crystal).map((p) => p.join())
      expect(known).toContain(Uint16Array.from(there, (site) => back[site]).join())
    }
  })
})
