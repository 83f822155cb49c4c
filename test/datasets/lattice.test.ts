import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  cartesianToFrac,
  cellParameters,
  cellVolume,
  fracToCartesian,
  GeometryError,
  inverse3,
  latticeFromParameters,
  metricTensor,
  multiplyRows,
  validateLattice,
  wrapFraction,
  type CellParameters,
} from '@unitcell/datasets'
import { hasShared, needsShared } from '../shared.js'
import { anyLattice, anySkeleton, readReference } from './skeletons.js'

describe('cell parameters', () => {
  test.skipIf(!hasShared)(`agree with pymatgen on 100 crystals${needsShared}`, () => {
    const rows = readReference('nonmetals')
    expect(rows).toHaveLength(100)
    for (const { lattice, params } of rows) {
      const found = cellParameters(Float64Array.from(lattice.flat()))
      found.forEach((value, k) => expect(Math.abs(value - params[k])).toBeLessThan(1e-9))
    }
  })

  test.skipIf(!hasShared)(`give back the lattice in the frame of pymatgen${needsShared}`, () => {
    // Many of the files were written from their parameters; the others are in a frame of their own.
    let inFrame = 0
    for (const { lattice, params } of readReference('nonmetals')) {
      const built = latticeFromParameters(params as CellParameters)
      const given = lattice.flat()
      const metric = metricTensor(Float64Array.from(given))
      metricTensor(built).forEach((value, k) => expect(Math.abs(value - metric[k])).toBeLessThan(1e-9))
      if (given[1] === 0 && given[6] === 0 && given[7] === 0) {
        inFrame++
        built.forEach((value, k) => expect(Math.abs(value - given[k])).toBeLessThan(1e-9))
      }
    }
    expect(inFrame).toBeGreaterThan(50)
  })

  test('survive the way to a lattice and back', () => {
    fc.assert(
      fc.property(anyLattice, (lattice) => {
        const parameters = cellParameters(lattice)
        const back = cellParameters(latticeFromParameters(parameters))
        back.forEach((value, k) => expect(value).toBeCloseTo(parameters[k], 6))
        expect(cellVolume(latticeFromParameters(parameters))).toBeCloseTo(cellVolume(lattice), 6)
      }),
    )
  })

  test.each([
    [[1, 1, 0, 90, 90, 90], 'no length'],
    [[1, 1, 1, 90, 90, 180], 'a flat angle'],
    [[1, 1, 1, 30, 30, 90], 'angles that cannot meet'],
    [[1, 1, 1, 120, 120, 120], 'angles that lie in a plane'],
    [[NaN, 1, 1, 90, 90, 90], 'a length that is not a number'],
  ] as [CellParameters, string][])('%j are refused: %s', (parameters) => {
    expect(() => latticeFromParameters(parameters)).toThrow(expect.objectContaining({ code: 'invalid_lattice' }))
  })
})

describe('coordinates', () => {
  test('go to cartesian ones and back', () => {
    fc.assert(
      fc.property(anySkeleton, ({ lattice, fracCoords }) => {
        const back = cartesianToFrac(fracToCartesian(fracCoords, lattice), lattice)
        back.forEach((value, k) => expect(value).toBeCloseTo(fracCoords[k], 9))
      }),
    )
  })

  test('the inverse of a lattice times the lattice is the unit matrix', () => {
    fc.assert(
      fc.property(anyLattice, (lattice) => {
        multiplyRows(lattice, inverse3(lattice)).forEach((value, k) =>
          expect(value).toBeCloseTo(k % 4 === 0 ? 1 : 0, 9),
        )
      }),
    )
  })

  test('wrap into [0, 1), and to 0 just below 1', () => {
    expect([0, -0.25, 1, 2.75, 1 - 1e-13, -1e-17, 1 - 1e-9].map(wrapFraction)).toEqual([
      0,
      0.75,
      0,
      0.75,
      0,
      0,
      1 - 1e-9,
    ])
  })
})

test.each([
  [[1, 0, 0, 0, 1, 0, 1, 1, 0], 'vectors in a plane'],
  [[1, 0, 0, 0, 1, 0, 0, 0, Infinity], 'a number that is not finite'],
  [[1, 0, 0, 0, 1, 0], 'two vectors'],
])('a lattice is refused: %j, %s', (numbers) => {
  expect(() => validateLattice(Float64Array.from(numbers))).toThrow(GeometryError)
})
