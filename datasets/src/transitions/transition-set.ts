import { UNFILLED } from '../crystal/elements.js'
import type { CrystalShard } from '../store/shard.js'
import type { RewardParameters } from './reward.js'
import { terminalReward } from './reward.js'
import { IndexSampler, type SamplerOptions } from './sampler.js'
import type { Trajectories, TrajectoryOptions } from './trajectories.js'
import { makeTrajectories } from './trajectories.js'
import type { TransitionBatch } from './transition-batch.js'

/**
 * The transitions (s, a, s', r, done) of a split, by a flat index 0..count-1: trajectory after trajectory, step after
 * step. They are derived from (crystal, order, step); nothing but the orders is kept. Rewards are computed when they are
 * asked for, so one set serves every choice of their parameters.
 *
 * Sites are numbered as the shard lists them, whatever order the trajectories have: so `shard.graph(crystal)` fits.
 */
export class TransitionSet {
  /** Number of transitions. */
  readonly count: number
  /** Number of trajectories (episodes). */
  readonly trajectoryCount: number
  private readonly trajectoryByTransition: Uint32Array

  /** @throws {DataSetError} `bad_argument` */
  constructor(
    readonly shard: CrystalShard,
    options: TrajectoryOptions = {},
    readonly trajectories: Trajectories = makeTrajectories(shard, options),
  ) {
    const { starts } = trajectories
    this.trajectoryCount = starts.length - 1
    this.count = starts[this.trajectoryCount]
    this.trajectoryByTransition = new Uint32Array(this.count)
    for (let j = 0; j < this.trajectoryCount; j++) this.trajectoryByTransition.fill(j, starts[j], starts[j + 1])
  }

  /** Trajectory of transition t. */
  trajectory(t: number): number {
    return this.trajectoryByTransition[t]
  }

  /** Row of the shard that transition t belongs to. */
  crystal(t: number): number {
    return this.trajectories.crystals[this.trajectoryByTransition[t]]
  }

  /** Sites filled before transition t. */
  step(t: number): number {
    return t - this.trajectories.starts[this.trajectoryByTransition[t]]
  }

  /** The site that transition t fills: the focus of s. */
  focus(t: number): number {
    return this.trajectories.sites[t]
  }

  /** The element index that transition t puts there. */
  action(t: number): number {
    return this.trajectories.actions[t]
  }

  /** Whether s' is terminal. */
  isLast(t: number): boolean {
    return t + 1 === this.trajectories.starts[this.trajectoryByTransition[t] + 1]
  }

  /** Writes s of transition t, an element index per site of the shard's listing, `UNFILLED` where none, into `elements` from `at` on. */
  writeState(t: number, elements: Uint8Array, at = 0): void {
    const { starts, sites, actions } = this.trajectories
    const j = this.trajectoryByTransition[t]
    elements.fill(UNFILLED, at, at + starts[j + 1] - starts[j])
    for (let k = starts[j]; k < t; k++) elements[at + sites[k]] = actions[k]
  }

  /** The terminal reward of every crystal of the shard, Eq. (7); that of transition t is `t`'s crystal's if it is the last, else 0. */
  rewards(parameters: RewardParameters): TerminalRewards {
    return terminalRewards(this.shard, parameters)
  }

  /** A seeded stream of transition indices. */
  sampler(options: SamplerOptions): IndexSampler {
    return new IndexSampler(this.count, options)
  }

  /**
   * Fills a batch; make it once (`new TransitionBatch(1024)`) and gather into it again and again.
   *
   * @param indices B transitions of this set
   * @param terminal reward of each row of the shard (`rewards`)
   * @throws RangeError for an index that is no transition, or indices of another number
   */
  gather(indices: ArrayLike<number>, terminal: Float64Array, batch: TransitionBatch): TransitionBatch {
    const { starts, crystals, sites, actions } = this.trajectories
    const { size, siteOffsets } = batch
    if (indices.length !== size) throw new RangeError(`${indices.length} indices for a batch of ${size}`)
    let at = 0
    for (let i = 0; i < size; i++) {
      const t = indices[i]
      if (!(t >= 0 && t < this.count)) throw new RangeError(`no transition ${t} in a set of ${this.count}`)
      const j = this.trajectoryByTransition[t]
      const sitesOfCrystal = starts[j + 1] - starts[j]
      const isLast = t + 1 === starts[j + 1]
      batch.reserve(at + sitesOfCrystal)
      this.writeState(t, batch.elements, at)
      siteOffsets[i] = at
      batch.crystals[i] = crystals[j]
      batch.steps[i] = t - starts[j]
      batch.focus[i] = sites[t]
      batch.nextFocus[i] = isLast ? sites[t] : sites[t + 1]
      batch.actions[i] = actions[t]
      batch.dones[i] = Number(isLast)
      batch.rewards[i] = isLast ? terminal[crystals[j]] : 0
      at += sitesOfCrystal
    }
    siteOffsets[size] = at
    return batch
  }
}

/** Rewards by row of a shard. */
export interface TerminalRewards {
  readonly values: Float64Array
  /** Rows without a reward of their own (their value is `failure`), by class of failure. */
  readonly failures: ReadonlyMap<string, readonly number[]>
}

/** The terminal reward of every crystal of a shard. */
export function terminalRewards(shard: CrystalShard, parameters: RewardParameters): TerminalRewards {
  const values = new Float64Array(shard.count)
  const failures = new Map<string, number[]>()
  for (let row = 0; row < shard.count; row++) {
    const { value, failure } = terminalReward(shard.labels(row), parameters)
    values[row] = value
    if (!failure) continue
    const rows = failures.get(failure.class)
    if (rows) rows.push(row)
    else failures.set(failure.class, [row])
  }
  return { values, failures }
}

/** Discounted sum of the rewards from a transition on, of which only the last is not 0: gamma^(steps to it) * its reward. */
export function returnToGo(terminal: number, stepsToLast: number, discount: number): number {
  return discount ** stepsToLast * terminal
}
