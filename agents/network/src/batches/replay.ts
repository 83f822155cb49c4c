import {
  DEFAULT_REWARD,
  mix,
  randomStream,
  seedHash,
  terminalReward,
  TransitionBatch,
  TransitionSet,
  draw,
  type CrystalShard,
  type RewardParameters,
  type TrajectoryOptions,
} from '@unitcell/datasets'
import { NetworkError } from '../network-error.js'
import type { GraphBatch } from '../batch.js'
import type { CloningObjective, CqlObjective } from '../q-network.js'
import type { CrystalInput } from './crystal-input.js'
import type { Packer, States } from './packer.js'

export interface ReplayOptions {
  /** B. */
  readonly batchSize: number
  /** Of everything that is drawn; an integer below 2^53. */
  readonly seed: number
  /** How crystals become episodes; with anything random in it, every epoch has other orders. */
  readonly trajectories?: Omit<TrajectoryOptions, 'seed'>
  /** Eq. (7); rewards are computed when a batch is drawn. Its target is replaced by `targets`. */
  readonly reward?: Partial<RewardParameters>
  /** Target band gaps, eV, drawn for each state with equal chances; `true`: that of the crystal itself. */
  readonly targets?: readonly (number | 'true')[]
  readonly spaceGroup?: 'crystal' | 'skeleton'
}

/** `seedHash` purposes. */
const ORDERS = 201
const TARGETS = 202

/** Batches of transitions from a split. Batch k is a function of the seed and k, so a run can go on where it stopped. */
export class Replay {
  /** Transitions of an epoch. */
  readonly count: number
  /** Whole batches in an epoch; transitions beyond them are met in others. */
  readonly batchesPerEpoch: number
  readonly #crystals: readonly CrystalInput[]
  readonly #reward: RewardParameters
  readonly #columns: TransitionBatch
  /** Rewards depend on the targets drawn, so the columns' own are not used. */
  readonly #noRewards: Float64Array
  #epoch = -1
  #set: TransitionSet

  /** @throws {NetworkError} `bad_argument`; DataSetError */
  constructor(
    readonly shard: CrystalShard,
    readonly packer: Packer,
    readonly options: ReplayOptions,
  ) {
    const { batchSize, reward, spaceGroup } = options
    this.#noRewards = new Float64Array(shard.count)
    this.#set = this.#enter(0)
    this.count = this.#set.count
    if (!(Number.isSafeInteger(batchSize) && batchSize >= 1 && batchSize <= this.count)) {
      const fix = `give 1 to ${this.count}, the number of transitions`
      throw new NetworkError('bad_argument', `a batch of ${batchSize}`, fix)
    }
    this.batchesPerEpoch = Math.floor(this.count / batchSize)
    this.#reward = { ...DEFAULT_REWARD, ...reward }
    this.#columns = new TransitionBatch(batchSize)
    this.#crystals = packer.split(shard, spaceGroup)
  }

  /** What batch k asks of behavioural cloning. */
  cloning(k: number): CloningObjective & { readonly siteElements: Uint8Array } {
    const indices = this.#draw(k)
    const states = this.#states(indices, this.#targets(k))
    const batch = this.packer.pack(states)
    return {
      kind: 'cloning',
      batch,
      actions: this.#columns.actions.slice(),
      siteElements: this.#truth(indices, states),
    }
  }

  /** What batch k asks of CQL. */
  cql(k: number, { gamma, omega }: Pick<CqlObjective, 'gamma' | 'omega'>): CqlObjective & { siteElements: Uint8Array } {
    const indices = this.#draw(k)
    const targets = this.#targets(k)
    const states = this.#states(indices, targets)
    const batch = this.packer.pack(states)
    const siteElements = this.#truth(indices, states)
    const { crystals, actions, dones } = this.#columns
    const rewards = Float32Array.from(crystals, (row, i) => (dones[i] ? this.#terminalReward(row, targets?.[i]) : 0))
    const next = this.#next(states)
    const terminal = dones.slice()
    return { kind: 'cql', batch, actions: actions.slice(), siteElements, rewards, terminal, next, gamma, omega }
  }

  /** Rows of the split that batch k is made of. */
  rows(k: number): Uint32Array {
    this.#draw(k)
    return this.#columns.crystals.slice()
  }

  /** Fills the columns with batch k. @returns its transitions */
  #draw(k: number): Uint32Array {
    const { batchSize, seed } = this.options
    const epoch = Math.floor(k / this.batchesPerEpoch)
    if (epoch !== this.#epoch) this.#set = this.#enter(epoch)
    const sampler = this.#set.sampler({ seed: mix(seedHash(seed, ORDERS), epoch) >>> 0 })
    sampler.position = (k - epoch * this.batchesPerEpoch) * batchSize
    const indices = sampler.fill(new Uint32Array(batchSize))
    this.#set.gather(indices, this.#noRewards, this.#columns)
    return indices
  }

  #enter(epoch: number): TransitionSet {
    const { seed, trajectories = {} } = this.options
    const isSame = trajectories.sites !== 'shuffled' && trajectories.order !== 'random' && !trajectories.fillings
    const first = this.#epoch < 0
    this.#epoch = epoch
    if (isSame && !first) return this.#set
    return new TransitionSet(this.shard, { ...trajectories, seed: mix(seedHash(seed, ORDERS), ~epoch) >>> 0 })
  }

  /** The target of each state of batch k; undefined without targets. */
  #targets(k: number): Float64Array | undefined {
    const { targets, seed } = this.options
    if (!targets || targets.length === 0) return undefined
    const stream = randomStream(seed, mix(TARGETS, k))
    return Float64Array.from(this.#columns.crystals, (row) => {
      const target = targets.length === 1 ? targets[0] : targets[draw(stream, targets.length)]
      return target === 'true' ? (this.shard.labels(row).bandGapEv ?? NaN) : target
    })
  }

  #terminalReward(row: number, target = NaN): number {
    const parameters = { ...this.#reward, target: Number.isNaN(target) ? null : target }
    return terminalReward(this.shard.labels(row), parameters).value
  }

  /** The states of the columns, numbered as their trajectories are. */
  #states(indices: Uint32Array, targets: Float64Array | undefined): States {
    const { crystals, elements, focus, siteOffsets } = this.#columns
    const { numbering, starts } = this.#set.trajectories
    const joined = numbering && new Uint16Array(siteOffsets[indices.length])
    indices.forEach((t, i) => {
      const j = this.#set.trajectory(t)
      joined?.set(numbering!.subarray(starts[j], starts[j + 1]), siteOffsets[i])
    })
    return {
      crystals: Array.from(crystals, (row) => this.#crystals[row]),
      elements,
      focus,
      ...(targets && { targets }),
      ...(joined && { numbering: joined }),
    }
  }

  /** The element that the trajectory puts on each node of the batch. */
  #truth(indices: Uint32Array, { numbering }: States): Uint8Array {
    const { siteOffsets } = this.#columns
    const { sites, actions, starts } = this.#set.trajectories
    const bySite = new Uint8Array(siteOffsets[indices.length])
    indices.forEach((t, i) => {
      const j = this.#set.trajectory(t)
      for (let k = starts[j]; k < starts[j + 1]; k++) bySite[siteOffsets[i] + sites[k]] = actions[k]
    })
    if (!numbering) return bySite
    const byNode = new Uint8Array(bySite.length)
    for (let i = 0; i < indices.length; i++) {
      const at = siteOffsets[i]
      for (let node = at; node < siteOffsets[i + 1]; node++) byNode[node] = bySite[at + numbering[node]]
    }
    return byNode
  }

  /** The states that follow those which are not the last of their episode. */
  #next({ crystals, elements, targets, numbering }: States): GraphBatch | null {
    const { siteOffsets, focus, nextFocus, actions, dones } = this.#columns
    const going = [...dones.keys()].filter((i) => !dones[i])
    if (going.length === 0) return null
    const sites = going.reduce((sum, i) => sum + crystals[i].sites, 0)
    const nextElements = new Uint8Array(sites)
    const nextNumbering = numbering && new Uint16Array(sites)
    let at = 0
    for (const i of going) {
      const [begin, end] = [siteOffsets[i], siteOffsets[i + 1]]
      nextElements.set(elements.subarray(begin, end), at)
      nextElements[at + focus[i]] = actions[i]
      if (nextNumbering) for (let k = begin; k < end; k++) nextNumbering[at + k - begin] = numbering[k]
      at += end - begin
    }
    return this.packer.pack({
      crystals: going.map((i) => crystals[i]),
      elements: nextElements,
      focus: going.map((i) => nextFocus[i]),
      ...(targets && { targets: going.map((i) => targets[i]) }),
      ...(nextNumbering && { numbering: nextNumbering }),
    })
  }
}
