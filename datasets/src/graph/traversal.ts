import type { CrystalGraph } from './crystal-graph.js'

/** Who neighbours whom, images left aside: neighbours of site i are `neighbors[offsets[i]..offsets[i + 1])`. */
export interface Adjacency {
  /** N + 1 positions. */
  readonly offsets: Uint32Array
  /** Ascending and distinct for each site; a site is not its own neighbour. */
  readonly neighbors: Uint16Array
}

/** Adjacency of a graph of N sites, each edge used in both directions. Make it once and keep it for many traversals. */
export function adjacency({ edges }: Pick<CrystalGraph, 'edges'>, sites: number): Adjacency {
  // Two bucket passes sort the directed edges: the first by their target, the second, stable, by their source.
  const starts = new Uint32Array(sites + 1)
  for (let k = 0; k < edges.length; k++) starts[edges[k] + 1]++
  for (let site = 0; site < sites; site++) starts[site + 1] += starts[site]
  const fill = starts.slice()
  const sources = new Uint16Array(edges.length)
  for (let k = 0; k < edges.length; k += 2) {
    sources[fill[edges[k]]++] = edges[k + 1]
    sources[fill[edges[k + 1]]++] = edges[k]
  }
  fill.set(starts)
  const targets = new Uint16Array(edges.length)
  for (let target = 0, at = 0; target < sites; target++) {
    for (; at < starts[target + 1]; at++) targets[fill[sources[at]]++] = target
  }
  return withoutRepeats(starts, targets)
}

/** Drops repeated neighbours, and sites that neighbour themselves, from sorted rows; in place. */
function withoutRepeats(offsets: Uint32Array, neighbors: Uint16Array): Adjacency {
  let length = 0
  for (let site = 0, at = 0; site + 1 < offsets.length; site++) {
    const begin = length
    for (; at < offsets[site + 1]; at++) {
      const neighbor = neighbors[at]
      if (neighbor !== site && (length === begin || neighbors[length - 1] !== neighbor)) neighbors[length++] = neighbor
    }
    offsets[site + 1] = length
  }
  return { offsets, neighbors: neighbors.subarray(0, length) }
}

export interface TraversalOptions {
  /** When the part that holds the source is exhausted: go on from the lowest unvisited site (default), or end there. */
  readonly continueAtLowest?: boolean
  /** N numbers by which sites are compared instead of their index; distinct. */
  readonly rank?: Uint16Array | undefined
}

/**
 * Breadth-first order from a site; neighbours are visited in ascending index (or rank), and a disconnected graph is
 * continued from its lowest unvisited site.
 * @returns the visited sites, all N of them unless told to end early
 * @throws RangeError for a source that is not a site
 */
export function breadthFirstOrder(
  { offsets, neighbors }: Adjacency,
  source: number,
  { continueAtLowest = true, rank }: TraversalOptions = {},
): Uint16Array {
  const sites = offsets.length - 1
  if (!(Number.isInteger(source) && source >= 0 && source < sites)) {
    throw new RangeError(`the source ${source} is not a site: give an integer from 0 to ${sites - 1}`)
  }
  const order = new Uint16Array(sites)
  const isVisited = new Uint8Array(sites)
  let length = 1
  order[0] = source
  isVisited[source] = 1
  for (let head = 0; head < sites; head++) {
    if (head === length) {
      if (!continueAtLowest) return order.slice(0, length)
      const lowest = lowestUnvisited(isVisited, rank)
      isVisited[lowest] = 1
      order[length++] = lowest
    }
    const site = order[head]
    const first = length
    for (let k = offsets[site]; k < offsets[site + 1]; k++) {
      const neighbor = neighbors[k]
      if (isVisited[neighbor]) continue
      isVisited[neighbor] = 1
      let at = length++
      if (rank) for (; at > first && rank[order[at - 1]] > rank[neighbor]; at--) order[at] = order[at - 1]
      order[at] = neighbor
    }
  }
  return order
}

function lowestUnvisited(isVisited: Uint8Array, rank: Uint16Array | undefined): number {
  let lowest = isVisited.indexOf(0)
  if (rank) {
    for (let site = lowest + 1; site < isVisited.length; site++) {
      if (!isVisited[site] && rank[site] < rank[lowest]) lowest = site
    }
  }
  return lowest
}

/** Whether every site can be reached from every other. */
export function isConnected(graph: Adjacency): boolean {
  return breadthFirstOrder(graph, 0, { continueAtLowest: false }).length === graph.offsets.length - 1
}
