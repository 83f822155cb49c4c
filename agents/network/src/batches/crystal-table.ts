import { cellParameters, cellVolume, type CrystalGraph, type CrystalShard, type Skeleton } from '@unitcell/datasets'
import type { SiteFeature } from './site-features.js'

/** What an agent knows of a crystal before it fills it: a row of a data set, or the graph of an episode on the wire. */
export interface BareCrystal extends Skeleton, CrystalGraph {
  readonly spaceGroup: number
}

/** Cell parameters, space group and volume per site: the columns of `CrystalTable.cells`. */
export const CELL_COLUMNS = 8

/**
 * The unchanging part of n crystals, as flat arrays from which batches are copied. Sites are numbered as in the crystals
 * given. Each edge stands there in both directions, and the directed edges of a crystal ascend in their destination.
 */
export interface CrystalTable {
  readonly count: number
  /** n + 1: the sites of crystal i are siteOffsets[i] to siteOffsets[i + 1]. */
  readonly siteOffsets: Uint32Array
  /** n + 1, of directed edges. */
  readonly edgeOffsets: Uint32Array
  /** Directed edges: source and destination, counted within the crystal. */
  readonly edgeFrom: Uint16Array
  readonly edgeTo: Uint16Array
  /** Length of each directed edge, angstrom. */
  readonly edgeLengths: Float32Array
  /** n x 8: a, b, c (angstrom), alpha, beta, gamma (degrees), space group number, volume per site (cubic angstrom). */
  readonly cells: Float32Array
  /** Numbers per site in `siteFeatures`. */
  readonly siteFeatureWidth: number
  /** Sites x siteFeatureWidth: the features asked for, one after the other. */
  readonly siteFeatures: Float32Array
}

/** The crystals of a split. */
export function tableOfShard(
  shard: CrystalShard,
  features: readonly SiteFeature[] = [],
  spaceGroup: 'crystal' | 'skeleton' = 'crystal',
): CrystalTable {
  return crystalTable(
    {
      length: shard.count,
      at: (i) => ({
        ...shard.structure(i),
        ...shard.graph(i),
        spaceGroup: spaceGroup === 'crystal' ? shard.spaceGroup(i) : shard.skeletonSpaceGroup(i),
      }),
    },
    features,
  )
}

interface Crystals {
  readonly length: number
  at(i: number): BareCrystal | undefined
}

/** The table of crystals, e.g. of `VectorObservation.graphs`. */
export function crystalTable(crystals: Crystals, features: readonly SiteFeature[] = []): CrystalTable {
  const count = crystals.length
  const siteOffsets = new Uint32Array(count + 1)
  const edgeOffsets = new Uint32Array(count + 1)
  for (let i = 0; i < count; i++) {
    const { fracCoords, distances } = crystals.at(i)!
    siteOffsets[i + 1] = siteOffsets[i] + fracCoords.length / 3
    edgeOffsets[i + 1] = edgeOffsets[i] + 2 * distances.length
  }
  const edges = edgeOffsets[count]
  const siteFeatureWidth = features.reduce((sum, feature) => sum + feature.width, 0)
  const table = {
    count,
    siteOffsets,
    edgeOffsets,
    edgeFrom: new Uint16Array(edges),
    edgeTo: new Uint16Array(edges),
    edgeLengths: new Float32Array(edges),
    cells: new Float32Array(CELL_COLUMNS * count),
    siteFeatureWidth,
    siteFeatures: new Float32Array(siteFeatureWidth * siteOffsets[count]),
  }
  for (let i = 0; i < count; i++) {
    const crystal = crystals.at(i)!
    const sites = crystal.fracCoords.length / 3
    writeEdges(table, edgeOffsets[i], crystal, sites)
    const volume = cellVolume(crystal.lattice) / sites
    table.cells.set([...cellParameters(crystal.lattice), crystal.spaceGroup, volume], CELL_COLUMNS * i)
    let column = 0
    for (const feature of features) {
      writeColumns(table, siteOffsets[i], column, feature, crystal)
      column += feature.width
    }
  }
  return table
}

/** Both directions of every edge, sorted by destination (a counting sort), at `start`. */
function writeEdges(
  table: Pick<CrystalTable, 'edgeFrom' | 'edgeTo' | 'edgeLengths'>,
  start: number,
  { edges, distances }: CrystalGraph,
  sites: number,
): void {
  const next = new Uint32Array(sites + 1)
  for (let k = 0; k < edges.length; k++) next[edges[k] + 1]++
  for (let site = 0; site < sites; site++) next[site + 1] += next[site]
  const { edgeFrom, edgeTo, edgeLengths } = table
  for (let k = 0; k < edges.length; k++) {
    const to = edges[k]
    const at = start + next[to]++
    edgeFrom[at] = edges[k ^ 1]
    edgeTo[at] = to
    edgeLengths[at] = distances[k >> 1]
  }
}

function writeColumns(
  table: CrystalTable,
  firstSite: number,
  column: number,
  feature: SiteFeature,
  crystal: BareCrystal,
): void {
  const values = feature.compute(crystal)
  const { width } = feature
  for (let site = 0; site < values.length / width; site++) {
    const to = (firstSite + site) * table.siteFeatureWidth + column
    for (let k = 0; k < width; k++) table.siteFeatures[to + k] = values[site * width + k]
  }
}
