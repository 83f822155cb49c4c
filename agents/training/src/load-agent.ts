import { createQNetwork, Packer } from '@unitcell/network'
import { decodeStructures, SkeletonIndex } from '@unitcell/retrieval'
import type { Agent, AgentOptions } from './agent.js'
import { AgentError } from './agent-error.js'
import { ConsensusAgent } from './consensus-agent.js'
import { readPolicy } from './checkpoint.js'
import { NetworkAgent } from './network-agent.js'
import { RunFolder } from './run-folder.js'
import { needsSkeletons, siteFeatures } from './site-features.js'

/** Fillings imagined by agents of the preset `best` when nothing else is asked for. */
const BEST_VOTES = 8

/** At which fillings are imagined where no temperature is given. */
const VOTING_TEMPERATURE = 0.5

/**
 * The agent that a run's folder holds: its best policy.
 *
 * @param name which agent it has to be
 * @throws AgentError `checkpoint_needed`, `bad_checkpoint`; NetworkError `no_checkpoint`, `bad_checkpoint`, `backend_unavailable`
 */
export async function loadNetworkAgent(name: string, options: AgentOptions): Promise<Agent> {
  const { checkpoint, seed, temperature, backend = 'auto', threads } = options
  if (checkpoint === undefined) {
    const what = `${name} plays from a checkpoint`
    throw new AgentError(
      'checkpoint_needed',
      what,
      `add --checkpoint: a folder that \`unitcell-agent train ${name}\` wrote`,
    )
  }
  const folder = new RunFolder(checkpoint)
  const { header, parameters } = await readPolicy(folder.file('policy'))
  if (header.agent !== name) {
    const what = `${checkpoint} holds the agent ${header.agent}, not ${name}`
    throw new AgentError('bad_checkpoint', what, `run ${header.agent}, or give another folder`)
  }
  const { features } = header.config
  const skeletons = needsSkeletons(features) ? await folder.read('skeletons') : null
  const index = () => new SkeletonIndex(decodeStructures(skeletons!, folder.file('skeletons')))
  const packer = new Packer({ state: header.state, features: siteFeatures(features, index) })
  const network = await createQNetwork(header.architecture, { backend, ...(threads && { threads }) })
  network.setParameters(parameters)
  const votes = options.votes ?? (header.config.preset === 'best' && temperature === undefined ? BEST_VOTES : 1)
  if (votes === 1) return new NetworkAgent(name, network, packer, { temperature: temperature ?? 0, seed })
  return new ConsensusAgent(name, network, packer, { votes, temperature: temperature || VOTING_TEMPERATURE, seed })
}
