import { quantiles, type Quantiles } from '../store/summary.js'
import type { RewardParameters } from './reward.js'
import { DEFAULT_REWARD } from './reward.js'
import type { TransitionSet } from './transition-set.js'

/** The paper's sweep: alpha1 {0, 1}, alpha2 {5, 10}, beta {1, 3}, target {1.12, 2, 3, 4} eV. */
export function paperSweep(energy: RewardParameters['energy'] = 'total'): RewardParameters[] {
  const sweep: RewardParameters[] = []
  for (const alpha1 of [0, 1])
    for (const alpha2 of [5, 10])
      for (const beta of [1, 3])
        for (const target of [1.12, 2, 3, 4]) sweep.push({ ...DEFAULT_REWARD, alpha1, alpha2, beta, target, energy })
  return sweep
}

/** Rewards of the last steps of a set's episodes under one set of parameters. */
export interface RewardStatistics extends Omit<Quantiles, 'known'> {
  readonly alpha1: number
  readonly alpha2: number
  readonly beta: number
  readonly target: number | null
  readonly energy: RewardParameters['energy']
  /** Episodes that have a reward. */
  readonly episodes: number
  /** Episodes whose crystal lacks a label. */
  readonly unrewarded: number
  readonly mean: number | null
  readonly standard_deviation: number | null
}

export function rewardStatistics(set: TransitionSet, parameters: RewardParameters): RewardStatistics {
  const { values, failures } = set.rewards(parameters)
  const failed = new Set([...failures.values()].flat())
  const rewards = [...set.trajectories.crystals].filter((row) => !failed.has(row)).map((row) => values[row])
  const { known, ...distribution } = quantiles(rewards)
  const mean = known > 0 ? rewards.reduce((sum, value) => sum + value, 0) / known : null
  const { alpha1, alpha2, beta, target, energy } = parameters
  return {
    ...{ alpha1, alpha2, beta, target, energy },
    episodes: known,
    unrewarded: set.trajectoryCount - known,
    mean,
    standard_deviation: mean === null ? null : Math.sqrt(rewards.reduce((s, r) => s + (r - mean) ** 2, 0) / known),
    ...distribution,
  }
}
