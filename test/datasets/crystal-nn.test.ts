import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { crystalNN, permuteSkeleton, type CrystalGraph, type Skeleton } from '@unitcell/datasets'
import { hasShared, needsShared } from '../shared.js'
import { readBuiltIn, readReference, skeletonAndOrder, toStructure } from './skeletons.js'

type Edge = [i: number, j: number, image: number[]]

function edgeList({ edges, images }: CrystalGraph): Edge[] {
  return Array.from({ length: edges.length / 2 }, (_, e) => [
    edges[2 * e],
    edges[2 * e + 1],
    [...images.subarray(3 * e, 3 * e + 3)],
  ])
}

/** Edges under new names (site i is called names[i]) in the form i <= j, as text with their lengths. */
function renamed(graph: CrystalGraph, names: ArrayLike<number>): string[] {
  return edgeList(graph)
    .map(([from, to, image], e) => {
      const [i, j] = [names[from], names[to]]
      const isReversed = i > j
      const cells = image.map((n) => (isReversed ? 0 - n : n))
      return JSON.stringify([Math.min(i, j), Math.max(i, j), cells, graph.distances[e]])
    })
    .sort()
}

describe('CrystalNN', () => {
  test.skipIf(!hasShared)(`finds the edges and lengths of pymatgen on 100 nonmetals${needsShared}`, () => {
    const rows = readReference('nonmetals')
    expect(rows).toHaveLength(100)
    for (const row of rows) {
      const graph = crystalNN(toStructure(row))
      expect(edgeList(graph), `crystal ${row.key}`).toEqual(row.edges)
      graph.distances.forEach((d, e) => expect(Math.abs(d - row.dist[e])).toBeLessThan(1e-12))
    }
  })

  test.skipIf(!hasShared)(`finds the edges of pymatgen on 14 degenerate and sparse cells${needsShared}`, () => {
    const rows = readReference('prototypes')
    expect(rows).toHaveLength(14)
    for (const row of rows) expect(edgeList(crystalNN(toStructure(row))), String(row.key)).toEqual(row.edges)
  })

  test('finds six neighbours in rock salt and twelve in a cubic close packing', () => {
    const lattice = Float64Array.of(0, 2, 2, 2, 0, 2, 2, 2, 0)
    const closePacking = crystalNN({ lattice, fracCoords: new Float64Array(3) })
    expect(edgeList(closePacking).map(([, , image]) => image)).toEqual([
      [0, 0, 1],
      [0, 1, -1],
      [0, 1, 0],
      [1, -1, 0],
      [1, 0, -1],
      [1, 0, 0],
    ])
    const rockSalt = crystalNN({ lattice, fracCoords: Float64Array.of(0, 0, 0, 0.5, 0.5, 0.5) })
    expect(rockSalt.distances).toEqual(Float64Array.from({ length: 6 }, () => 2))
  })

  const invariant = ([skeleton, order]: [Skeleton, Uint16Array]) => {
    const graph = crystalNN(skeleton)
    const permuted = crystalNN(permuteSkeleton(skeleton, order))
    // Site k of the permuted skeleton is site order[k]: back under the first names, bitwise the same.
    expect(renamed(permuted, order)).toEqual(renamed(graph, [...order.keys()]))
  }

  test('is exactly the same for every listing of the sites', () => {
    fc.assert(fc.property(skeletonAndOrder, invariant), { numRuns: 200 })
  })

  test('is exactly the same for every listing of the sites of real crystals', () => {
    const crystals: Skeleton[] = hasShared ? readReference('nonmetals').map(toStructure) : readBuiltIn()
    for (const crystal of crystals) {
      const sites = crystal.fracCoords.length / 3
      const reversed = Uint16Array.from({ length: sites }, (_, k) => sites - 1 - k)
      const interleaved = Uint16Array.from({ length: sites }, (_, k) => (k % 2 ? (k - 1) / 2 : sites - 1 - k / 2))
      invariant([crystal, reversed])
      invariant([crystal, interleaved])
    }
  })

  test('counts images from the coordinates as given', () => {
    for (const { lattice, fracCoords } of readBuiltIn().slice(0, 40)) {
      const home = crystalNN({ lattice, fracCoords })
      const moved = fracCoords.map((value, k) => value + ((7 * k) % 5) - 2)
      const graph = crystalNN({ lattice, fracCoords: moved })
      expect(graph.distances).toHaveLength(home.distances.length)
      edgeList(graph).forEach(([i, j, image], e) => {
        const d = image.map((n, axis) => moved[3 * j + axis] + n - moved[3 * i + axis])
        const cartesian = [0, 1, 2].map((k) => d[0] * lattice[k] + d[1] * lattice[3 + k] + d[2] * lattice[6 + k])
        expect(Math.hypot(...cartesian)).toBeCloseTo(graph.distances[e], 9)
      })
    }
  })

  test('lists every edge once, sorted, with the first non-zero image of a loop positive', () => {
    fc.assert(
      fc.property(skeletonAndOrder, ([skeleton]) => {
        const edges = edgeList(crystalNN(skeleton))
        const keys = edges.map(([i, j, image]) => [i, j, ...image])
        keys.slice(1).forEach((key, k) => {
          const at = key.findIndex((value, position) => value !== keys[k][position])
          expect(key[at]).toBeGreaterThan(keys[k][at])
        })
        for (const [i, j, image] of edges) {
          expect(i).toBeLessThanOrEqual(j)
          if (i === j) expect(image.find((n) => n !== 0)).toBeGreaterThan(0)
        }
      }),
    )
  })

  test('refuses coordinates hundreds of cells away from home', () => {
    const lattice = Float64Array.of(4, 0, 0, 0, 4, 0, 0, 0, 4)
    expect(() => crystalNN({ lattice, fracCoords: Float64Array.of(0, 0, 0, 300.5, 0.5, 0.5) })).toThrow(
      expect.objectContaining({ code: 'crystal_too_large' }),
    )
  })
})
