import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  invertPermutation,
  permuteStructure,
  sitePermutations,
  skeletonSpaceGroup,
  spaceGroupNumber,
  type Skeleton,
} from '@unitcell/datasets'
import { hasShared, needsShared } from '../shared.js'
import { pairDistances, readBuiltIn, readReference, skeletonAndOrder, toStructure } from './skeletons.js'

/** Rock salt in its conventional cell: 8 sites of one element are a simple cubic lattice of half the length. */
const rockSalt: Skeleton = {
  lattice: Float64Array.of(4, 0, 0, 0, 4, 0, 0, 0, 4),
  fracCoords: Float64Array.from([0, 0.5].flatMap((x) => [0, 0.5].flatMap((y) => [0, 0.5].flatMap((z) => [x, y, z])))),
}

describe('space group numbers', () => {
  test.skipIf(!hasShared)(`agree with spglib on 100 crystals and their bare skeletons${needsShared}`, () => {
    const rows = readReference('nonmetals')
    const found = rows.map((row) => [spaceGroupNumber(toStructure(row)), skeletonSpaceGroup(toStructure(row))])
    expect(found).toEqual(rows.map(({ sg_true, sg_dummy }) => [sg_true, sg_dummy]))
  })

  test('do not depend on the listing of the sites', () => {
    for (const structure of readBuiltIn().slice(0, 60)) {
      const order = Uint16Array.from(structure.species.keys()).reverse()
      expect(spaceGroupNumber(permuteStructure(structure, order))).toBe(spaceGroupNumber(structure))
    }
  })

  test('cannot be found for sites that lie on each other', () => {
    const skeleton = { ...rockSalt, fracCoords: Float64Array.of(0, 0, 0, 0, 0, 0) }
    expect(() => skeletonSpaceGroup(skeleton)).toThrow(expect.objectContaining({ code: 'symmetry_failed' }))
  })
})

describe('site permutations', () => {
  test('of one site are the identity', () => {
    expect(sitePermutations({ ...rockSalt, fracCoords: new Float64Array(3) })).toEqual([Uint16Array.of(0)])
  })

  test('of the corners of 2 x 2 x 2 cubes are 48: the orders of the axes times the translations by a cube', () => {
    // Modulo the cell, x -> -x leaves every corner in place.
    expect(sitePermutations(rockSalt)).toHaveLength(48)
  })

  test('of a crystal in a doubled cell include the centring translation', () => {
    const lattice = Float64Array.of(3, 0.2, 0.1, -0.4, 4, 0.3, 0.5, 0.6, 10)
    const motif = [0.1, 0.2, 0.05, 0.4, 0.75, 0.1, 0.83, 0.36, 0.2]
    const fracCoords = Float64Array.from([...motif, ...motif.map((value, k) => (k % 3 === 2 ? value + 0.5 : value))])
    expect(sitePermutations({ lattice, fracCoords })).toEqual([
      Uint16Array.of(0, 1, 2, 3, 4, 5),
      Uint16Array.of(3, 4, 5, 0, 1, 2),
    ])
  })

  const crystals: Skeleton[] = hasShared ? readReference('nonmetals').map(toStructure) : readBuiltIn()

  test('are a group with the identity first, and keep all distances between sites', () => {
    for (const skeleton of crystals) {
      const permutations = sitePermutations(skeleton)
      const names = new Set(permutations.map((p) => p.join()))
      expect(names.size).toBe(permutations.length)
      expect([...permutations[0]]).toEqual([...permutations[0].keys()])
      for (const p of permutations.slice(0, 12)) {
        expect(names.has(invertPermutation(p).join())).toBe(true)
        for (const q of permutations) expect(names.has(p.map((site) => q[site]).join())).toBe(true)
      }
    }
  })

  test('carry each site to one with the same surroundings', () => {
    for (const skeleton of crystals.slice(0, 25)) {
      const sites = skeleton.fracCoords.length / 3
      const surroundings = Array.from({ length: sites }, (_, i) => distancesFrom(skeleton, i))
      for (const p of sitePermutations(skeleton)) {
        p.forEach((to, from) => {
          surroundings[from].forEach((d, k) => expect(Math.abs(d - surroundings[to][k])).toBeLessThan(0.04))
        })
      }
    }
  })

  test('are the same under every listing of the sites', () => {
    const listed = fc.oneof(
      skeletonAndOrder,
      fc.constantFrom(...crystals).map((skeleton): [Skeleton, Uint16Array] => {
        const sites = skeleton.fracCoords.length / 3
        return [skeleton, Uint16Array.from({ length: sites }, (_, k) => (k + 1) % sites)]
      }),
    )
    fc.assert(
      fc.property(listed, ([skeleton, order]) => {
        const species = new Uint8Array(order.length)
        const permuted = permuteStructure({ ...skeleton, species }, order)
        const rank = invertPermutation(order)
        // Site k of the permuted skeleton is site order[k] of the first.
        const expected = sitePermutations(skeleton).map((p) => order.map((site) => rank[p[site]]).join())
        expect(
          sitePermutations(permuted)
            .map((p) => p.join())
            .sort(),
        ).toEqual(expected.sort())
      }),
      { numRuns: 60 },
    )
  })
})

/** The 15 shortest distances from a site to the others, ascending. */
function distancesFrom({ lattice, fracCoords }: Skeleton, site: number): number[] {
  const count = fracCoords.length / 3
  const distances = Array.from({ length: count }, (_, other) => {
    if (other === site) return []
    const pair = [site, other].flatMap((s) => [...fracCoords.subarray(3 * s, 3 * s + 3)])
    return pairDistances({ lattice, fracCoords: Float64Array.from(pair) }, 30, 2)
  })
  return distances
    .flat()
    .sort((a, b) => a - b)
    .slice(0, 15)
}
