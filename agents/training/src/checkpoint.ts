import {
  decodePolicy,
  decodeTrainingState,
  encodePolicy,
  encodeTrainingState,
  readCheckpoint,
  writeCheckpoint,
  type Architecture,
  type StateVectorOptions,
} from '@unitcell/network'
import type { RolloutScore } from './local-episodes.js'
import type { TrainingConfig } from './training-config.js'
import type { RunState } from './trainer.js'

/** What a checkpoint says of itself. */
export interface CheckpointHeader {
  /** Name of the agent, e.g. `bc`. */
  readonly agent: string
  readonly config: TrainingConfig
  readonly architecture: Architecture
  readonly state: StateVectorOptions
  /** The data learnt from. */
  readonly dataset: { readonly name: string; readonly hash: string }
  /** Steps made. */
  readonly step: number
  /** Greedy rollouts on val, percent; null before the first. */
  readonly score: RolloutScore | null
}

/** Writes a policy: its parameters by their names (`ParameterTensor`), float32, and the header. */
export function writePolicy(file: string, header: CheckpointHeader, parameters: Float32Array): Promise<void> {
  return writeCheckpoint(file, encodePolicy(header, parameters))
}

/** @throws NetworkError `no_checkpoint` where there is no such file, `bad_checkpoint` for what is not a whole policy */
export async function readPolicy(file: string): Promise<{ header: CheckpointHeader; parameters: Float32Array }> {
  const { facts, parameters } = decodePolicy(await readCheckpoint(file), file)
  return { header: facts as unknown as CheckpointHeader, parameters }
}

/** What a run's state says of itself beside where it stands. */
export type RunHeader = Pick<CheckpointHeader, 'agent' | 'config' | 'architecture' | 'dataset'>

/** Writes everything that a run goes on from. */
export function writeRunState(file: string, what: RunHeader, { network, ...state }: RunState): Promise<void> {
  return writeCheckpoint(file, encodeTrainingState({ ...what, ...state }, network))
}

/** @throws NetworkError as `readPolicy` */
export async function readRunState(file: string): Promise<RunHeader & { state: RunState }> {
  const { facts, state: network } = decodeTrainingState(await readCheckpoint(file), file)
  const { step, running, best, ...what } = facts as unknown as RunHeader & Omit<RunState, 'network'>
  return { ...what, state: { step, running, best, network } }
}
