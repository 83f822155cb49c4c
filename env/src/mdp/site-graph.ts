import type { CrystalGraph, Skeleton } from '@unitcell/datasets'
import { adjacency, breadthFirstOrder } from '@unitcell/datasets'
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
 * @param numbering N site indices of the data set: episode site k is the crystal's site numbering[k]
 * @param source the site, modulo N and in the new numbering, at which the breadth-first order starts
 */
export function renumber(crystal: PreparedCrystal, numbering: Uint16Array, source: number): SiteGraph {
  const { sites, skeleton, graph } = crystal
  const fracCoords = new Float64Array(3 * sites)
  const newIndex = new Uint16Array(sites)
  for (let k = 0; k < sites; k++) {
    const site = numbering[k]
    newIndex[site] = k
    fracCoords[3 * k] = skeleton.fracCoords[3 * site]
    fracCoords[3 * k + 1] = skeleton.fracCoords[3 * site + 1]
    fracCoords[3 * k + 2] = skeleton.fracCoords[3 * site + 2]
  }
  const edges = new Uint16Array(graph.edges.length)
  const images = new Int8Array(graph.images)
  for (let e = 0; e < graph.distances.length; e++) {
    const from = newIndex[graph.edges[2 * e]]
    const to = newIndex[graph.edges[2 * e + 1]]
    if (from <= to) {
      edges[2 * e] = from
      edges[2 * e + 1] = to
    } else {
      edges[2 * e] = to
      edges[2 * e + 1] = from
      images[3 * e] = -images[3 * e]
      images[3 * e + 1] = -images[3 * e + 1]
      images[3 * e + 2] = -images[3 * e + 2]
    }
  }
  const order = breadthFirstOrder(adjacency({ edges }, sites), source % sites)
  return { sites, lattice: skeleton.lattice, fracCoords, edges, images, distances: graph.distances, order }
}
