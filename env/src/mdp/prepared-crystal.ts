import {
  adjacency,
  canonicalSiteOrder,
  invertPermutation,
  permuteSkeleton,
  siteCount,
  type Adjacency,
  type CrystalGraph,
  type Labels,
  type Skeleton,
} from '@unitcell/datasets'

/** A crystal as the environment takes it, from a data set or sent inline. */
export interface SourceCrystal {
  /** null for an inline structure. */
  readonly origin: { readonly split: string; readonly index: number; readonly id: string } | null
  readonly skeleton: Skeleton
  readonly graph: CrystalGraph
  /** Ground truth, N element indices; null for a bare skeleton. */
  readonly species: Uint8Array | null
  readonly labels: Labels | null
  /** Space group number of the filled crystal; of the skeleton where the filling is unknown. */
  readonly spaceGroup: number
  readonly skeletonSpaceGroup: number
}

/**
 * A crystal whose sites stand in the order from which episodes are made: as listed, or (`canonical`) in an order that the
 * geometry alone decides, so that nothing made from it can tell how the file listed the sites.
 */
export interface PreparedCrystal {
  readonly source: SourceCrystal
  readonly sites: number
  readonly skeleton: Skeleton
  readonly graph: CrystalGraph
  readonly adjacency: Adjacency
  /** Prepared site k is site listedSite[k] of the source. */
  readonly listedSite: Uint16Array
}

/** The crystal with its sites as the source lists them. */
export function prepareAsListed(source: SourceCrystal): PreparedCrystal {
  const sites = siteCount(source.skeleton)
  const { skeleton, graph } = source
  const listedSite = Uint16Array.from({ length: sites }, (_, site) => site)
  return { source, sites, skeleton, graph, adjacency: adjacency(graph, sites), listedSite }
}

/** The crystal with its sites, and its edges, in canonical order. */
export function prepareCanonically(source: SourceCrystal): PreparedCrystal {
  const sites = siteCount(source.skeleton)
  const listedSite = canonicalSiteOrder(source.skeleton)
  const skeleton = permuteSkeleton(source.skeleton, listedSite)
  const graph = sortEdges(source.graph, invertPermutation(listedSite))
  return { source, sites, skeleton, graph, adjacency: adjacency(graph, sites), listedSite }
}

/** The graph under new site indices, its edges again directed, signed and sorted by the rule of `CrystalGraph`. */
function sortEdges(graph: CrystalGraph, rank: Uint16Array): CrystalGraph {
  const renamed = Array.from(graph.distances, (distance, e) => {
    const from = rank[graph.edges[2 * e]]
    const to = rank[graph.edges[2 * e + 1]]
    const image = [...graph.images.subarray(3 * e, 3 * e + 3)]
    return from <= to ? [from, to, ...image, distance] : [to, from, ...image.map((n) => -n), distance]
  })
  renamed.sort((a, b) => a[0] - b[0] || a[1] - b[1] || a[2] - b[2] || a[3] - b[3] || a[4] - b[4])
  return {
    edges: Uint16Array.from(renamed.flatMap((edge) => edge.slice(0, 2))),
    images: Int8Array.from(renamed.flatMap((edge) => edge.slice(2, 5))),
    distances: Float64Array.from(renamed, (edge) => edge[5]),
  }
}
