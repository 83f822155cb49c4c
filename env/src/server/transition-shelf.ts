import {
  DataSetError,
  IndexPermutation,
  TransitionBatch,
  TransitionSet,
  type CrystalDataSet,
  type CrystalShard,
  type TrajectoryOptions,
} from '@unitcell/datasets'
import { ProtocolError, toNdArray, type Request, type Result } from '@unitcell/protocol'
import { LRUCache } from 'lru-cache'
import { concatenate, float64, int8, uint16 } from '../mdp/arrays.js'

type TransitionsRequest = Request<'transitions'>

/** Sets kept at a time: one is the orders of all its crystals. */
const SETS_KEPT = 8

/** The recorded transitions of a data set, in pieces. */
export class TransitionShelf {
  readonly #sets = new LRUCache<string, TransitionSet>({ max: SETS_KEPT })

  constructor(readonly dataset: CrystalDataSet) {}

  /** @throws ProtocolError `unknown_split`, `invalid_options` */
  piece(request: TransitionsRequest, mostAtATime: number): Result<'transitions'> {
    const { name, hash, splits } = this.dataset
    const split = request.split ?? splits[0]
    if (!splits.includes(split)) {
      const fault = `data set ${name} has no split ${JSON.stringify(split)}`
      throw new ProtocolError('unknown_split', fault, { known: splits })
    }
    const set = this.#set(split, request)
    const from = Math.min(request.from, set.count)
    const end = Math.min(set.count, from + Math.min(request.count ?? mostAtATime, mostAtATime))
    const indices = Uint32Array.from({ length: end - from }, (_, k) => from + k)
    if (request.order === 'shuffled') {
      const permutation = new IndexPermutation(set.count, request.seed)
      for (let k = 0; k < indices.length; k++) indices[k] = permutation.at(indices[k])
    }
    const next = end < set.count ? end : null
    return { name, hash, split, from, next, total: set.count, ...describe(set, indices, request) }
  }

  #set(split: string, { sources, disconnected, filter }: TransitionsRequest): TransitionSet {
    const key = JSON.stringify([split, sources, disconnected, filter])
    const known = this.#sets.get(key)
    if (known) return known
    const { gap_ev: gapEv, sites, elements } = filter
    const options: TrajectoryOptions = { sources, disconnected, filter: { gapEv, sites, elements } }
    try {
      const set = new TransitionSet(this.dataset.split(split), options)
      this.#sets.set(key, set)
      return set
    } catch (error) {
      if (error instanceof DataSetError && error.code === 'bad_argument') {
        throw new ProtocolError('invalid_options', error.message)
      }
      throw error
    }
  }
}

function describe(set: TransitionSet, indices: Uint32Array, { reward, graphs }: TransitionsRequest) {
  const batch = set.gather(indices, set.rewards(reward).values, new TransitionBatch(indices.length))
  const { siteOffsets, dones } = batch
  const columns = {
    crystal: toNdArray('int32', Int32Array.from(batch.crystals)),
    trajectory: toNdArray(
      'int32',
      Int32Array.from(indices, (t) => set.trajectory(t)),
    ),
    step: toNdArray('int32', Int32Array.from(batch.steps)),
    focus: toNdArray('int32', Int32Array.from(batch.focus)),
    next_focus: toNdArray(
      'int32',
      Int32Array.from(batch.nextFocus, (site, i) => (dones[i] ? -1 : site)),
    ),
    action: toNdArray('uint8', batch.actions),
    reward: toNdArray('float64', batch.rewards),
    terminated: toNdArray('bool', dones),
    site_counts: toNdArray(
      'int32',
      Int32Array.from(indices, (_, i) => siteOffsets[i + 1] - siteOffsets[i]),
    ),
    elements: toNdArray('uint8', batch.elements.subarray(0, siteOffsets[indices.length])),
  }
  return graphs ? { ...columns, crystals: describeCrystals(set.shard, batch.crystals) } : columns
}

function describeCrystals(shard: CrystalShard, crystals: Uint32Array) {
  const rows = Int32Array.from(new Set(crystals)).sort()
  const structures = Array.from(rows, (row) => shard.structure(row))
  const graphs = Array.from(rows, (row) => shard.graph(row))
  const labels = Array.from(rows, (row) => shard.labels(row))
  const lattice = concatenate(
    structures.map((structure) => structure.lattice),
    float64,
  )
  const fracCoords = concatenate(
    structures.map((structure) => structure.fracCoords),
    float64,
  )
  const edges = concatenate(
    graphs.map((graph) => graph.edges),
    uint16,
  )
  const images = concatenate(
    graphs.map((graph) => graph.images),
    int8,
  )
  const distances = concatenate(
    graphs.map((graph) => graph.distances),
    float64,
  )
  return {
    crystal: toNdArray('int32', rows),
    id: Array.from(rows, (row) => shard.id(row)),
    site_counts: toNdArray(
      'int32',
      Int32Array.from(structures, ({ species }) => species.length),
    ),
    edge_counts: toNdArray(
      'int32',
      Int32Array.from(graphs, (graph) => graph.distances.length),
    ),
    lattice: toNdArray('float64', lattice, [rows.length, 3, 3]),
    frac_coords: toNdArray('float64', fracCoords, [fracCoords.length / 3, 3]),
    edges: toNdArray('uint16', edges, [edges.length / 2, 2]),
    images: toNdArray('int8', images, [images.length / 3, 3]),
    distances: toNdArray('float64', distances),
    space_group: toNdArray(
      'uint16',
      Uint16Array.from(rows, (row) => shard.spaceGroup(row)),
    ),
    total_energy_ry: toNdArray(
      'float64',
      Float64Array.from(labels, ({ totalEnergyRy }) => totalEnergyRy ?? NaN),
    ),
    band_gap_ev: toNdArray(
      'float64',
      Float64Array.from(labels, ({ bandGapEv }) => bandGapEv ?? NaN),
    ),
  }
}
