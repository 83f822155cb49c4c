import type { BackendChoice } from '@unitcell/network'
import type { VectorObservation } from '@unitcell/protocol'

/** Chooses elements for the focus sites of a batch of environments. */
export interface Agent {
  /** Name in result files. */
  readonly name: string
  /**
   * @param observation n environments; those whose focus is -1 have ended, and their action is not used
   * @param mask n x 88 bytes, 1 where an action is allowed; null where all are
   * @returns n element indices, 0..87
   */
  act(observation: VectorObservation, mask: Uint8Array | null): ArrayLike<number> | Promise<ArrayLike<number>>
}

export interface AgentOptions {
  /** Of everything the agent draws. */
  readonly seed: number
  /** Data set whose training split the agent may know: a folder, or `builtin`. */
  readonly data?: string
  /** Folder of a training run. */
  readonly checkpoint?: string
  /** 0: always the best action; else actions are drawn from softmax(Q / temperature). Default: 0. */
  readonly temperature?: number
  /** Fillings that a network imagines before it decides (`ConsensusAgent`); 1: it decides site by site. Default: 8 for the preset `best`, else 1. */
  readonly votes?: number
  /** Which engine computes networks. */
  readonly backend?: BackendChoice
  readonly threads?: number
}

/** What an agent package exports, and a module of your own for `unitcell-agent run ./my-agent.js`. */
export interface AgentModule {
  createAgent(options: AgentOptions): Agent | Promise<Agent>
}
