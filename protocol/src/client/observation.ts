import { fromNdArray, isNdArray, type NdArray } from '../nd-array.js'
import type { Result } from '../messages/operations.js'

type WireObservation = Result<'reset'>['observation']
type WireGraph = NonNullable<WireObservation['graph']>

/** The static part of an episode. Lengths in angstrom; site indices count from 0. */
export interface EpisodeGraph {
  readonly sites: number
  /** 9 numbers, rows are the cell vectors. */
  readonly lattice: Float64Array
  /** N x 3. */
  readonly fracCoords: Float64Array
  /** E x 2, undirected: use both directions. */
  readonly edges: Uint16Array
  /** E x 3, cell of the second site. */
  readonly images: Int8Array
  /** E. */
  readonly distances: Float64Array
  readonly spaceGroup: number
  /** N, the sites in the order in which they are filled. */
  readonly order: Uint16Array
  /** Target band gap, eV; null without one. */
  readonly target: number | null
}

/** What an agent sees of one environment. */
export interface Observation {
  /** N element indices, 88 where unfilled. */
  readonly elements: Uint8Array
  /** The site to fill next; -1 after the last. */
  readonly focus: number
  /** Sites filled so far. */
  readonly step: number
  readonly graph: EpisodeGraph
}

/** What an agent sees of n environments. */
export interface VectorObservation {
  /** Element indices of all sites, environment after environment; 88 where unfilled. */
  readonly elements: Uint8Array
  /** n + 1 offsets into `elements`: environment i has siteOffsets[i] to siteOffsets[i + 1]. */
  readonly siteOffsets: Int32Array
  /** n sites to fill next, counted within each crystal; -1 after the last. */
  readonly focus: Int32Array
  /** n. */
  readonly step: Int32Array
  /** n graphs, the same object as long as the episode lasts. */
  readonly graphs: readonly EpisodeGraph[]
}

function integers(value: number | NdArray): Int32Array {
  return isNdArray(value) ? (fromNdArray(value) as Int32Array) : Int32Array.of(value)
}

/** The graphs of a message, one for each crystal in it. */
export function readGraphs(graph: WireGraph): EpisodeGraph[] {
  const siteCounts = fromNdArray(graph.site_counts) as Int32Array
  const edgeCounts = fromNdArray(graph.edge_counts) as Int32Array
  const lattice = fromNdArray(graph.lattice) as Float64Array
  const fracCoords = fromNdArray(graph.frac_coords) as Float64Array
  const edges = fromNdArray(graph.edges) as Uint16Array
  const images = fromNdArray(graph.images) as Int8Array
  const distances = fromNdArray(graph.distances) as Float64Array
  const spaceGroup = fromNdArray(graph.space_group)
  const order = fromNdArray(graph.order) as Uint16Array
  const target = fromNdArray(graph.target)
  const graphs: EpisodeGraph[] = []
  let site = 0
  let edge = 0
  for (let i = 0; i < siteCounts.length; i++) {
    const siteEnd = site + siteCounts[i]
    const edgeEnd = edge + edgeCounts[i]
    graphs.push({
      sites: siteCounts[i],
      lattice: lattice.subarray(9 * i, 9 * i + 9),
      fracCoords: fracCoords.subarray(3 * site, 3 * siteEnd),
      edges: edges.subarray(2 * edge, 2 * edgeEnd),
      images: images.subarray(3 * edge, 3 * edgeEnd),
      distances: distances.subarray(edge, edgeEnd),
      spaceGroup: spaceGroup[i],
      order: order.subarray(site, siteEnd),
      target: Number.isNaN(target[i]) ? null : target[i],
    })
    site = siteEnd
    edge = edgeEnd
  }
  return graphs
}

/** Puts the observations of one environment together: the graph comes once, the rest with every step. */
export class ObservationReader {
  #graph: EpisodeGraph | null = null

  read(observation: WireObservation): Observation {
    if (observation.graph !== undefined) this.#graph = readGraphs(observation.graph)[0]
    return {
      elements: fromNdArray(observation.elements) as Uint8Array,
      focus: observation.focus as number,
      step: observation.step as number,
      graph: this.#graph!,
    }
  }
}

/** The same for a vector of n environments. */
export class VectorObservationReader {
  #graphs: EpisodeGraph[]
  readonly #siteOffsets: Int32Array

  constructor(readonly count: number) {
    this.#graphs = new Array<EpisodeGraph>(count)
    this.#siteOffsets = new Int32Array(count + 1)
  }

  read(observation: WireObservation): VectorObservation {
    if (observation.graph !== undefined) this.#update(observation.graph)
    return {
      elements: fromNdArray(observation.elements) as Uint8Array,
      siteOffsets: this.#siteOffsets.slice(),
      focus: integers(observation.focus),
      step: integers(observation.step),
      graphs: this.#graphs,
    }
  }

  #update(graph: WireGraph): void {
    const changed = fromNdArray(graph.env!)
    const graphs = this.#graphs.slice()
    readGraphs(graph).forEach((one, i) => (graphs[changed[i]] = one))
    this.#graphs = graphs
    for (let env = 0; env < this.count; env++) {
      this.#siteOffsets[env + 1] = this.#siteOffsets[env] + (graphs[env]?.sites ?? 0)
    }
  }
}
