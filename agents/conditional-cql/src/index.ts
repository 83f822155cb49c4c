import { loadNetworkAgent, type AgentOptions } from '@unitcell/training'
import { conditionalCql } from './conditional-cql.js'

export * from './conditional-cql.js'

/** @param options `checkpoint`: the folder of a training run */
export function createAgent(options: AgentOptions) {
  return loadNetworkAgent(conditionalCql.name, options)
}
