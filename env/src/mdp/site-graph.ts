import type { Adjacency, CrystalGraph, Skeleton } from '@unitcell/datasets'
import type { PreparedCrystal } from './prepared-crystal.js'

/** The static part of an episode, in the episode's own numbering of the sites. */
export interface SiteGraph extends Skeleton, CrystalGraph {
  readonly sites: number
  /** Sites in the order in which they are filled. */
  readonly order: Uint16Array
}

/**
 * The graph of a crystal under a numbering of its sites.
 *
 * @param numbering N sites of the prepared crystal: episode site k is its site numbering[k]
 * @param source the site, in the new numbering, at which the breadth-first order starts
 */
export function renumber(crystal: PreparedCrystal, numbering: Uint16Array, source: number): SiteGraph {
  const { sites, skeleton, graph, adjacency } = crystal
  const edgeCount = graph.distances.length
  // One buffer for all arrays: a small typed array costs more to allocate than to fill.
  const buffer = new ArrayBuffer(24 * sites + 2 * (2 * edgeCount + 2 * sites) + 3 * edgeCount)
  const fracCoords = new Float64Array(buffer, 0, 3 * sites)
  const edges = new Uint16Array(buffer, 24 * sites, 2 * edgeCount)
  const order = new Uint16Array(buffer, 24 * sites + 4 * edgeCount, sites)
  const newIndex = new Uint16Array(buffer, 26 * sites + 4 * edgeCount, sites)
  const images = new Int8Array(buffer, 28 * sites + 4 * edgeCount, 3 * edgeCount)
  for (let k = 0; k < sites; k++) {
    const site = numbering[k]
    newIndex[site] = k
    fracCoords[3 * k] = skeleton.fracCoords[3 * site]
    fracCoords[3 * k + 1] = skeleton.fracCoords[3 * site + 1]
    fracCoords[3 * k + 2] = skeleton.fracCoords[3 * site + 2]
  }
  for (let e = 0; e < edgeCount; e++) {
    const from = newIndex[graph.edges[2 * e]]
    const to = newIndex[graph.edges[2 * e + 1]]
    const sign = from <= to ? 1 : -1
    edges[2 * e] = from <= to ? from : to
    edges[2 * e + 1] = from <= to ? to : from
    images[3 * e] = sign * graph.images[3 * e]
    images[3 * e + 1] = sign * graph.images[3 * e + 1]
    images[3 * e + 2] = sign * graph.images[3 * e + 2]
  }
  traverse(adjacency, numbering, newIndex, source, order)
  return { sites, lattice: skeleton.lattice, fracCoords, edges, images, distances: graph.distances, order }
}

/**
 * `breadthFirstOrder` of the renumbered graph, without making its adjacency: neighbours in ascending new index, a
 * disconnected graph continued from its lowest unvisited site.
 */
function traverse(
  { offsets, neighbors }: Adjacency,
  numbering: Uint16Array,
  newIndex: Uint16Array,
  source: number,
  order: Uint16Array,
): void {
  const sites = numbering.length
  const isVisited = new Uint8Array(sites)
  let length = 0
  let lowest = 0
  for (let head = 0; head < sites; head++) {
    if (head === length) {
      while (isVisited[lowest] === 1) lowest++
      const start = head === 0 ? source : lowest
      isVisited[start] = 1
      order[length++] = start
    }
    const site = numbering[order[head]]
    const first = length
    for (let k = offsets[site]; k < offsets[site + 1]; k++) {
      const neighbor = newIndex[neighbors[k]]
      if (isVisited[neighbor] === 1) continue
      isVisited[neighbor] = 1
      let at = length++
      for (; at > first && order[at - 1] > neighbor; at--) order[at] = order[at - 1]
      order[at] = neighbor
    }
  }
}
