import type { CrystalGraph } from './crystal-graph.js'

/**
 * The graph under new site indices, its edges again directed, signed and sorted by the rule of `CrystalGraph`.
 *
 * @param rank N: site i becomes site rank[i]
 */
export function renumberGraph(graph: CrystalGraph, rank: Uint16Array): CrystalGraph {
  const renamed = Array.from(graph.distances, (distance, e) => {
    const from = rank[graph.edges[2 * e]]
    const to = rank[graph.edges[2 * e + 1]]
    const image = [...graph.images.subarray(3 * e, 3 * e + 3)]
    const isFirst = image.find((n) => n !== 0) ?? 1
    const keeps = from < to || (from === to && isFirst > 0)
    return keeps ? [from, to, ...image, distance] : [to, from, ...image.map((n) => -n || 0), distance]
  })
  renamed.sort((a, b) => a[0] - b[0] || a[1] - b[1] || a[2] - b[2] || a[3] - b[3] || a[4] - b[4])
  return {
    edges: Uint16Array.from(renamed.flatMap((edge) => edge.slice(0, 2))),
    images: Int8Array.from(renamed.flatMap((edge) => edge.slice(2, 5))),
    distances: Float64Array.from(renamed, (edge) => edge[5]),
  }
}
