import {
  adjacency,
  canonicalSiteOrder,
  invertPermutation,
  permuteSkeleton,
  renumberGraph,
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
  const graph = renumberGraph(source.graph, invertPermutation(listedSite))
  return { source, sites, skeleton, graph, adjacency: adjacency(graph, sites), listedSite }
}
