import { CrystalDataSet, type CrystalShard } from '@unitcell/datasets'
import type { AgentOptions } from './agent.js'
import { AgentError } from './agent-error.js'

/** The name of the split that agents may learn from. */
const TRAINING_SPLIT = 'train'

/**
 * Opens the data set that an agent was told to know.
 * @throws AgentError `data_needed` without `options.data`; DataSetError
 */
export async function openTrainingSplit(
  { data }: AgentOptions,
  agent: string,
): Promise<{ dataset: CrystalDataSet; train: CrystalShard }> {
  if (data === undefined) {
    const what = `${agent} knows nothing without crystals to learn from`
    throw new AgentError('data_needed', what, 'add --data: a folder that `unitcell-data import` made, or builtin')
  }
  const dataset = await CrystalDataSet.open(data)
  return { dataset, train: dataset.split(TRAINING_SPLIT) }
}
