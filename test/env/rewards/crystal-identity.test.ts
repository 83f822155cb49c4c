import fc from 'fast-check'
import {
  canonicalSiteOrder,
  inverse3,
  multiplyRows,
  permuteStructure,
  sitePermutations,
  siteCount,
  type Structure,
} from '@unitcell/datasets'
import { CrystalIndex, filledCrystal, isSameCrystal, SAME_CRYSTAL_ANGSTROM, type FilledCrystal } from '@unitcell/env'
import { describe, expect, test } from 'vitest'
import { readBuiltIn, readReference, toStructure, unimodular } from '../../datasets/skeletons.js'
import { hasShared } from '../../shared.js'

// Simple compounds of every prototype, and larger real crystals where they are at hand.
const builtIn = readBuiltIn().filter((_, i) => i % 9 === 0)
const real = hasShared
  ? readReference('nonmetals')
      .map(toStructure)
      .filter((_, i) => i % 40 === 0)
  : []
const crystals = [...builtIn, ...real]

const crystal = fc.constantFrom(...crystals)
const coordinate = fc.double({ min: -2, max: 2, noNaN: true })
const origin = fc.tuple(coordinate, coordinate, coordinate)
const angles = fc.tuple(coordinate, coordinate, coordinate)

const asCrystal = (structure: Structure): FilledCrystal => filledCrystal(structure, structure.species)

function inOrder(structure: Structure, seed: number): Structure {
  const keys = Array.from({ length: siteCount(structure) }, (_, site) => Math.sin(seed * (site + 1)))
  const order = Uint16Array.from(keys.keys()).sort((i, j) => keys[i] - keys[j])
  return permuteStructure(structure, order)
}

function shifted(structure: Structure, shift: readonly number[]): Structure {
  return { ...structure, fracCoords: structure.fracCoords.map((value, k) => value + shift[k % 3]) }
}

/** The same sites by other vectors of the same lattice. */
function inCell(structure: Structure, transform: number[]): Structure {
  const lattice = multiplyRows(transform, structure.lattice)
  return { ...structure, lattice, fracCoords: multiplyRows(structure.fracCoords, inverse3(transform).map(Math.round)) }
}

function rotated(structure: Structure, [a, b, c]: readonly number[]): Structure {
  const [x, y] = [
    [1, 0, 0, 0, Math.cos(a), Math.sin(a), 0, -Math.sin(a), Math.cos(a)],
    [Math.cos(b), 0, Math.sin(b), 0, 1, 0, -Math.sin(b), 0, Math.cos(b)],
  ]
  const z = [Math.cos(c), Math.sin(c), 0, -Math.sin(c), Math.cos(c), 0, 0, 0, 1]
  return { ...structure, lattice: multiplyRows(multiplyRows(multiplyRows(structure.lattice, x), y), z) }
}

describe('a crystal is the same', () => {
  test('with its sites in any order, from any origin, turned, and in any cell of the same lattice', () => {
    fc.assert(
      fc.property(crystal, origin, unimodular, angles, fc.nat(), (structure, shift, transform, turn, seed) => {
        const other = inOrder(rotated(inCell(shifted(structure, shift), transform), turn), seed + 1)
        expect(isSameCrystal(asCrystal(other), asCrystal(structure))).toBe(true)
        expect(isSameCrystal(asCrystal(structure), asCrystal(other))).toBe(true)
      }),
      { numRuns: 150 },
    )
  })

  test('mirrored', () => {
    for (const structure of crystals) {
      const mirrored = { ...structure, lattice: structure.lattice.map((value, k) => (k % 3 === 0 ? -value : value)) }
      expect(isSameCrystal(asCrystal(mirrored), asCrystal(structure))).toBe(true)
    }
  })

  test('with its elements moved by any operation of the space group of its skeleton', () => {
    fc.assert(
      fc.property(crystal, fc.nat(), fc.infiniteStream(fc.integer({ min: 0, max: 3 })), (structure, pick, elements) => {
        const species = Uint8Array.from(structure.species, () => elements.next().value!)
        const permutations = sitePermutations(structure)
        const permutation = permutations[pick % permutations.length]
        const moved = new Uint8Array(species.length)
        permutation.forEach((target, site) => (moved[target] = species[site]))
        const one = filledCrystal(structure, species)
        expect(isSameCrystal(filledCrystal(structure, moved), one)).toBe(true)
        // With the permutations given, and a skeleton that is listed otherwise.
        const known = filledCrystal(structure, moved, () => permutations)
        const listed = inOrder({ ...structure, species }, pick + 1)
        expect(isSameCrystal(known, one)).toBe(true)
        expect(isSameCrystal(known, asCrystal(listed))).toBe(true)
      }),
      { numRuns: 150 },
    )
  })

  test('after the rounding of a file with eight digits', () => {
    for (const structure of crystals) {
      const round = (values: Float64Array) => values.map((value) => Number(value.toFixed(8)))
      const rounded = { ...structure, lattice: round(structure.lattice), fracCoords: round(structure.fracCoords) }
      expect(isSameCrystal(asCrystal(rounded), asCrystal(structure))).toBe(true)
    }
  })
})

describe('a crystal is another', () => {
  test('with a site moved, or the cell stretched, by more than the tolerance', () => {
    const several = crystals.filter((structure) => siteCount(structure) > 2)
    fc.assert(
      fc.property(fc.constantFrom(...several), fc.nat(), fc.constantFrom(4, 10, 100), (structure, pick, times) => {
        const site = pick % siteCount(structure)
        const distance = times * SAME_CRYSTAL_ANGSTROM
        const step = multiplyRows([distance, 0, 0], inverse3(structure.lattice))
        const fracCoords = structure.fracCoords.map((x, k) => (Math.floor(k / 3) === site ? x + step[k % 3] : x))
        expect(isSameCrystal(asCrystal({ ...structure, fracCoords }), asCrystal(structure))).toBe(false)
        const strain = 1 + distance / Math.hypot(...structure.lattice.subarray(0, 3))
        const lattice = structure.lattice.map((value) => value * strain)
        expect(isSameCrystal(asCrystal({ ...structure, lattice }), asCrystal(structure))).toBe(false)
      }),
      { numRuns: 100 },
    )
  })

  test('exactly where its filling is in no orbit of the other under the operations of the skeleton', () => {
    // Two elements on the sites of a skeleton: orbits counted by brute force, and by comparison.
    for (const structure of crystals.filter((s) => siteCount(s) <= 6)) {
      const sites = siteCount(structure)
      const permutations = sitePermutations(structure)
      const image = (bits: number, permutation: Uint16Array) =>
        permutation.reduce((moved, target, site) => moved | (((bits >> site) & 1) << target), 0)
      const all = Array.from({ length: 2 ** sites }, (_, bits) => bits)
      const orbits = new Set(
        all.map((bits) => Math.min(...permutations.map((permutation) => image(bits, permutation)))),
      )
      const distinct = new CrystalIndex<number>()
      let count = 0
      for (const bits of all) {
        const filling = filledCrystal(
          structure,
          Uint8Array.from({ length: sites }, (_, site) => (bits >> site) & 1),
        )
        if (distinct.get(filling) === undefined) distinct.add(filling, count++)
      }
      expect(count).toBe(orbits.size)
    }
  })

  test('among all the built-in crystals, no two are one', () => {
    const distinct = new CrystalIndex<number>()
    readBuiltIn().forEach((structure, i) => {
      const one = asCrystal(structure)
      expect(distinct.get(one)).toBeUndefined()
      distinct.add(one, i)
    })
  })

  test('as a larger cell of the same crystal, whose energy is another', () => {
    const [structure] = builtIn
    const doubled = {
      lattice: structure.lattice.map((value, k) => (k < 3 ? 2 * value : value)),
      fracCoords: Float64Array.from(
        [0, 0.5].flatMap((x) => [...structure.fracCoords].map((f, k) => (k % 3 === 0 ? f / 2 + x : f))),
      ),
      species: Uint8Array.from([...structure.species, ...structure.species]),
    }
    expect(isSameCrystal(asCrystal(doubled), asCrystal(structure))).toBe(false)
  })
})

test('the listing of sites plays no part in what an index finds', () => {
  const distinct = new CrystalIndex<string>()
  const [structure] = crystals
  const one = asCrystal(structure)
  distinct.add(one, 'a')
  const other = asCrystal(permuteStructure(structure, canonicalSiteOrder(structure).reverse()))
  expect(distinct.get(other)).toBe('a')
  distinct.delete(one)
  expect(distinct.get(other)).toBeUndefined()
})
