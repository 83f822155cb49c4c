import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { adjacency, breadthFirstOrder, crystalNN, isConnected } from '@unitcell/datasets'
import { hasShared, needsShared } from '../shared.js'
import { readReference, toStructure } from './skeletons.js'

function graphOf(sites: number, pairs: [number, number][]) {
  return adjacency({ edges: Uint16Array.from(pairs.flat()) }, sites)
}

/** Up to twelve sites and any edges between them, loops and repeated ones too. */
const anyGraph = fc.integer({ min: 1, max: 12 }).chain((sites) => {
  const site = fc.integer({ min: 0, max: sites - 1 })
  return fc.tuple(fc.constant(sites), fc.array(fc.tuple(site, site), { maxLength: 20 }))
})

describe('breadth-first orders', () => {
  test.skipIf(!hasShared)(`and connectedness agree with the reference on 100 crystals${needsShared}`, () => {
    let orders = 0
    for (const row of readReference('nonmetals')) {
      const neighbors = adjacency(crystalNN(toStructure(row)), row.frac.length)
      expect(isConnected(neighbors), `crystal ${row.key}`).toBe(row.connected)
      row.bfs_sorted.forEach((expected, source) => {
        const found = breadthFirstOrder(neighbors, source, { continueAtLowest: false })
        expect([...found], `crystal ${row.key} from ${source}`).toEqual(expected)
        orders++
      })
    }
    expect(orders).toBeGreaterThan(400)
  })

  test('visit neighbours in ascending index, along edges in both directions', () => {
    const graph = graphOf(5, [
      [0, 4],
      [0, 2],
      [1, 4],
      [2, 3],
    ])
    expect([...breadthFirstOrder(graph, 0)]).toEqual([0, 2, 4, 3, 1])
    expect([...breadthFirstOrder(graph, 1)]).toEqual([1, 4, 0, 2, 3])
  })

  test('go on from the lowest unvisited site, or end', () => {
    const graph = graphOf(6, [
      [3, 5],
      [1, 4],
    ])
    expect([...breadthFirstOrder(graph, 5)]).toEqual([5, 3, 0, 1, 4, 2])
    expect([...breadthFirstOrder(graph, 5, { continueAtLowest: false })]).toEqual([5, 3])
    expect(isConnected(graph)).toBe(false)
  })

  test('visit every site once, and no site before one that is nearer to the source', () => {
    fc.assert(
      fc.property(anyGraph, fc.nat(), ([sites, pairs], n) => {
        const graph = graphOf(sites, pairs)
        const source = n % sites
        const order = [...breadthFirstOrder(graph, source)]
        expect([...order].sort((a, b) => a - b)).toEqual([...order.keys()])
        const reached = breadthFirstOrder(graph, source, { continueAtLowest: false })
        expect(order.slice(0, reached.length)).toEqual([...reached])
        const steps = stepsFrom(source, sites, pairs)
        expect(steps.filter(Number.isFinite)).toHaveLength(reached.length)
        const alongOrder = [...reached].map((site) => steps[site])
        expect(alongOrder).toEqual([...alongOrder].sort((a, b) => a - b))
        expect(isConnected(graph)).toBe(reached.length === sites)
      }),
    )
  })

  test.each([-1, 3, 0.5, NaN])('are refused from the source %d of three sites', (source) => {
    expect(() => breadthFirstOrder(graphOf(3, []), source)).toThrow(RangeError)
  })
})

/** Number of edges from the source to each site, by relaxing all edges until nothing changes. */
function stepsFrom(source: number, sites: number, pairs: [number, number][]): number[] {
  const steps = Array.from({ length: sites }, (_, site) => (site === source ? 0 : Infinity))
  for (let round = 0; round < sites; round++) {
    for (const [i, j] of pairs) {
      steps[i] = Math.min(steps[i], steps[j] + 1)
      steps[j] = Math.min(steps[j], steps[i] + 1)
    }
  }
  return steps
}
