import type { AgentOptions } from '@unitcell/training'
import { RandomAgent } from './random-agent.js'

export { RandomAgent }

export function createAgent({ seed }: AgentOptions): RandomAgent {
  return new RandomAgent(seed)
}
