import { loadNetworkAgent, type AgentOptions } from '@unitcell/training'
import { cql } from './cql.js'

export * from './cql.js'

/** @param options `checkpoint`: the folder of a training run */
export function createAgent(options: AgentOptions) {
  return loadNetworkAgent(cql.name, options)
}
