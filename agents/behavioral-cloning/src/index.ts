import { loadNetworkAgent, type AgentOptions } from '@unitcell/training'
import { behavioralCloning } from './behavioral-cloning.js'

export * from './behavioral-cloning.js'

/** @param options `checkpoint`: the folder of a training run */
export function createAgent(options: AgentOptions) {
  return loadNetworkAgent(behavioralCloning.name, options)
}
