import { SkeletonIndex } from '@unitcell/retrieval'
import { openTrainingSplit, type AgentOptions } from '@unitcell/training'
import { NearestSkeletonAgent } from './nearest-skeleton-agent.js'

export { NearestSkeletonAgent }

/** @param options `data`: the data set whose split `train` is searched */
export async function createAgent(options: AgentOptions): Promise<NearestSkeletonAgent> {
  const { train } = await openTrainingSplit(options, 'nearest-skeleton')
  return new NearestSkeletonAgent(SkeletonIndex.ofShard(train))
}
