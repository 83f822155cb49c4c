import { cellParameters, cellVolume, type CrystalGraph, type Skeleton } from '@unitcell/datasets'
import type { SiteFeature } from './site-features.js'

/** A crystal as a data set or an episode on the wire has it, with or without its elements. */
export interface BareCrystal extends Skeleton, Pick<CrystalGraph, 'edges' | 'distances'> {
  /** International number. */
  readonly spaceGroup: number
  /** N element indices, where the crystal is one that is learnt from. */
  readonly species?: Uint8Array
}

/** What does not change while a crystal is filled, ready to be copied into batches. Sites as the crystal lists them. */
export interface CrystalInput {
  /** N. */
  readonly sites: number
  /** N + 1: the edges that end at site i are incoming[i] .. incoming[i + 1]. */
  readonly incoming: Uint16Array
  /** The site at which each edge begins; every edge of the crystal is there in both directions. */
  readonly sources: Uint16Array
  /** Length of each edge, angstrom. */
  readonly distances: Float32Array
  /** a, b, c (angstrom), alpha, beta, gamma (degrees), space group number, volume per site (cubic angstrom). */
  readonly cell: Float32Array
  /** N x width: the site features asked for, side by side. */
  readonly siteFeatures: Float32Array
}

export function crystalInput(crystal: BareCrystal, features: readonly SiteFeature[] = []): CrystalInput {
  const { lattice, fracCoords, edges, distances } = crystal
  const sites = fracCoords.length / 3
  const incoming = new Uint16Array(sites + 1)
  for (let k = 0; k < edges.length; k++) incoming[edges[k] + 1]++
  for (let site = 0; site < sites; site++) incoming[site + 1] += incoming[site]
  const next = incoming.slice()
  const sources = new Uint16Array(edges.length)
  const lengths = new Float32Array(edges.length)
  for (let k = 0; k < edges.length; k++) {
    const at = next[edges[k]]++
    sources[at] = edges[k ^ 1]
    lengths[at] = distances[k >> 1]
  }
  const cell = [...cellParameters(lattice), crystal.spaceGroup, cellVolume(lattice) / sites]
  const siteFeatures = sideBySide(crystal, sites, features)
  return { sites, incoming, sources, distances: lengths, cell: Float32Array.from(cell), siteFeatures }
}

function sideBySide(crystal: BareCrystal, sites: number, features: readonly SiteFeature[]): Float32Array {
  const total = features.reduce((sum, { width }) => sum + width, 0)
  const joined = new Float32Array(sites * total)
  let column = 0
  for (const { compute, width } of features) {
    const values = compute(crystal)
    for (let site = 0; site < sites; site++) {
      joined.set(values.subarray(site * width, (site + 1) * width), site * total + column)
    }
    column += width
  }
  return joined
}
