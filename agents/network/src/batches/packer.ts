import type { CrystalShard } from '@unitcell/datasets'
import type { GraphBatch } from '../batch.js'
import { NetworkError } from '../network-error.js'
import { crystalInput, type BareCrystal, type CrystalInput } from './crystal-input.js'
import type { SiteFeature } from './site-features.js'
import { stateVectorSize, writeStateVector, type StateVectorOptions } from './state-vector.js'

export interface PackerOptions {
  readonly state: StateVectorOptions
  /** Numbers per site beside the element, in this order. */
  readonly features?: readonly SiteFeature[]
}

/** States of the decision process, sites as the crystals list them. */
export interface States {
  /** B. */
  readonly crystals: readonly CrystalInput[]
  /** Element indices of one crystal after the other, 88 where unfilled. May be longer than that. */
  readonly elements: Uint8Array
  /** B sites, counted within the crystal. */
  readonly focus: ArrayLike<number>
  /** B target band gaps, eV; needed where the state vector has one. */
  readonly targets?: ArrayLike<number>
  /**
   * Of one crystal after the other: node k of the graph is site numbering[k] of the crystal. Networks that read the focus
   * *index* see this numbering; to others it makes no difference. Default: as listed.
   */
  readonly numbering?: ArrayLike<number>
}

/** What an agent sees of several environments (`VectorObservation` of the protocol). */
export interface ObservedStates {
  readonly elements: Uint8Array
  readonly focus: ArrayLike<number>
  readonly graphs: readonly (BareCrystal & { readonly target: number | null })[]
}

/** Turns crystals and partial fillings into the numbers that a network was made for. */
export class Packer {
  /** Of the architecture that fits. */
  readonly stateSize: number
  readonly nodeFeatures: number
  readonly #state: StateVectorOptions
  readonly #features: readonly SiteFeature[]
  readonly #observed = new WeakMap<BareCrystal, CrystalInput>()

  constructor({ state, features = [] }: PackerOptions) {
    this.#state = state
    this.#features = features
    this.stateSize = stateVectorSize(state)
    this.nodeFeatures = features.reduce((sum, { width }) => sum + width, 0)
  }

  /** A crystal for `pack`. Compute it once and keep it. */
  crystal(crystal: BareCrystal): CrystalInput {
    return crystalInput(crystal, this.#features)
  }

  /** The crystals of a split, by row. */
  split(shard: CrystalShard, spaceGroup: 'crystal' | 'skeleton' = 'crystal'): CrystalInput[] {
    return Array.from({ length: shard.count }, (_, row) =>
      this.crystal({
        ...shard.structure(row),
        ...shard.graph(row),
        spaceGroup: spaceGroup === 'crystal' ? shard.spaceGroup(row) : shard.skeletonSpaceGroup(row),
      }),
    )
  }

  /**
   * What came over the wire. Environments without a focus (their episode has ended) get a batch entry too, whose output
   * means nothing. The graph of an episode is prepared when it is first seen.
   *
   * @throws {NetworkError} `bad_batch` where the network wants a target and an episode has none
   */
  packObservation({ elements, focus, graphs }: ObservedStates): GraphBatch {
    const crystals = graphs.map((graph) => {
      let input = this.#observed.get(graph)
      if (!input) this.#observed.set(graph, (input = this.crystal(graph)))
      return input
    })
    const targets = graphs.map(({ target }) => target ?? NaN)
    return this.pack({ crystals, elements, focus: Int32Array.from(focus, (site) => Math.max(site, 0)), targets })
  }

  /** @throws {NetworkError} `bad_batch` where a target is missing */
  pack({ crystals, elements, focus, targets, numbering }: States): GraphBatch {
    const { stateSize, nodeFeatures } = this
    const count = crystals.length
    let nodes = 0
    let edges = 0
    for (const crystal of crystals) {
      nodes += crystal.sites
      edges += crystal.sources.length
    }
    const batch = emptyBatch(count, nodes, edges, count * stateSize, nodes * nodeFeatures)
    let node = 0
    let edge = 0
    for (let g = 0; g < count; g++) {
      const crystal = crystals[g]
      const target = targets?.[g] ?? NaN
      if (this.#state.target && Number.isNaN(target)) {
        throw new NetworkError(
          'bad_batch',
          `state ${g} has no target band gap`,
          'this network needs one: give a target',
        )
      }
      writeStateVector(crystal, target, this.#state, batch.state, g * stateSize)
      batch.focus[g] = focus[g]
      edge = numbering
        ? writeRenumbered(batch, crystal, elements, numbering, node, edge, nodeFeatures)
        : writeListed(batch, crystal, elements, node, edge, nodeFeatures)
      if (numbering) for (let k = 0; k < crystal.sites; k++) if (numbering[node + k] === focus[g]) batch.focus[g] = k
      node += crystal.sites
      batch.nodeOffsets[g + 1] = node
      batch.edgeOffsets[g + 1] = edge
    }
    return batch
  }
}

function emptyBatch(graphs: number, nodes: number, edges: number, state: number, features: number) {
  return {
    nodeOffsets: new Uint32Array(graphs + 1),
    edgeOffsets: new Uint32Array(graphs + 1),
    elements: new Uint8Array(nodes),
    focus: new Uint32Array(graphs),
    state: new Float32Array(state),
    nodeFeatures: new Float32Array(features),
    nodeTokens: new Uint8Array(0),
    sources: new Uint32Array(edges),
    targets: new Uint32Array(edges),
    distances: new Float32Array(edges),
  } satisfies GraphBatch
}

/** Writes the sites and edges of a crystal as it lists them, from `node` and `edge` on. @returns the edge after its last */
function writeListed(
  batch: GraphBatch,
  crystal: CrystalInput,
  elements: Uint8Array,
  node: number,
  edge: number,
  features: number,
): number {
  const { sites, incoming, sources, distances } = crystal
  for (let site = 0; site < sites; site++) {
    batch.elements[node + site] = elements[node + site]
    for (let e = incoming[site]; e < incoming[site + 1]; e++) {
      batch.sources[edge + e] = node + sources[e]
      batch.targets[edge + e] = node + site
    }
  }
  batch.distances.set(distances, edge)
  batch.nodeFeatures.set(crystal.siteFeatures, node * features)
  return edge + sources.length
}

/** The same with node k for site numbering[node + k]. */
function writeRenumbered(
  batch: GraphBatch,
  crystal: CrystalInput,
  elements: Uint8Array,
  numbering: ArrayLike<number>,
  node: number,
  edge: number,
  features: number,
): number {
  const { sites, incoming, sources, distances, siteFeatures } = crystal
  const nodeOf = new Uint32Array(sites)
  for (let k = 0; k < sites; k++) nodeOf[numbering[node + k]] = node + k
  for (let k = 0; k < sites; k++) {
    const site = numbering[node + k]
    batch.elements[node + k] = elements[node + site]
    for (let e = incoming[site]; e < incoming[site + 1]; e++, edge++) {
      batch.sources[edge] = nodeOf[sources[e]]
      batch.targets[edge] = node + k
      batch.distances[edge] = distances[e]
    }
    for (let j = 0; j < features; j++) {
      batch.nodeFeatures[(node + k) * features + j] = siteFeatures[site * features + j]
    }
  }
  return edge
}
