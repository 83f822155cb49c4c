import { ELEMENT_COUNT, elementIndex } from '@unitcell/datasets'
import { openTrainingSplit, type AgentModule } from '@unitcell/training'
import { FrequencyAgent } from './frequency-agent.js'

export { FrequencyAgent }

/** Every site gets an element drawn by its share of the sites of the training split. */
export const frequency: AgentModule = {
  async createAgent(options) {
    const { train } = await openTrainingSplit(options, 'frequency')
    const counts = new Uint32Array(ELEMENT_COUNT)
    for (let i = 0; i < train.count; i++) for (const element of train.structure(i).species) counts[element]++
    return new FrequencyAgent('frequency', counts, options.seed)
  },
}

/** Oxygen everywhere. */
export const oxygen: AgentModule = {
  createAgent({ seed }) {
    const weights = new Uint8Array(ELEMENT_COUNT)
    weights[elementIndex('O')!] = 1
    return new FrequencyAgent('oxygen', weights, seed)
  },
}
