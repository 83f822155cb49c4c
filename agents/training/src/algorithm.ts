import { mix, seedHash } from '@unitcell/datasets'
import type { Objective, Replay, ReplayOptions } from '@unitcell/network'
import type { Preset, TrainingConfig } from './training-config.js'

/** A way to learn: what a step minimises, and from which samples. The packages of the agents hold one each. */
export interface Algorithm<C extends TrainingConfig = TrainingConfig> {
  /** Name on the command line, in checkpoints and result files. */
  readonly name: string
  readonly presets: Readonly<Record<Preset, C>>
  /** Whether the state holds the target band gap p_hat. */
  readonly isConditional: boolean
  /** Rewards and targets of the samples; none where the algorithm has no use for rewards. */
  samples(config: C): Partial<Pick<ReplayOptions, 'reward' | 'targets'>>
  /** The objective of step `step` (0 is the first). */
  objective(config: C, replay: Replay, step: number): Objective
}

/** Seed of a step's dropout masks. */
export function dropoutSeed(seed: number, step: number): number {
  return mix(seedHash(seed, DROPOUT), step) >>> 0
}

/** `seedHash` purpose. */
const DROPOUT = 132
