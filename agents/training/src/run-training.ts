import { createProgress, silentProgress, type CrystalDataSet, type CrystalShard } from '@unitcell/datasets'
import { architecture, createQNetwork, Packer, Replay, type BareCrystal, type QNetwork } from '@unitcell/network'
import { encodeStructures, SkeletonIndex } from '@unitcell/retrieval'
import { AgentError } from './agent-error.js'
import type { Algorithm } from './algorithm.js'
import { readRunState, writePolicy, writeRunState, type CheckpointHeader } from './checkpoint.js'
import { localEpisodes, playLocally, scoreFillings } from './local-episodes.js'
import { learningCurvesSvg } from './logging/learning-curves.js'
import { MetricsLog } from './logging/metrics-log.js'
import { NetworkAgent } from './network-agent.js'
import { RunFolder } from './run-folder.js'
import { needsSkeletons, siteFeatures } from './site-features.js'
import { train, type RunState } from './trainer.js'
import type { ComputingOptions, TrainingConfig } from './training-config.js'
import { writeWhole } from './whole-file.js'

export interface TrainingRequest<C extends TrainingConfig> {
  /** Splits `train` and `val`. */
  readonly dataset: CrystalDataSet
  /** Folder of the run. */
  readonly out: string
  /** A new run's configuration; or how to change that of the run to go on with. */
  readonly config: C | ((saved: C) => C)
  readonly computing: ComputingOptions
  readonly isSilent?: boolean
  readonly signal?: AbortSignal
  /** Called when training begins. */
  readonly onStart?: (what: { network: QNetwork; transitions: number; fromStep: number; config: C }) => void
}

/** Seed of the numbering of val's sites; the same for every run, so that their scores can be compared. */
const EVALUATION_SEED = 1
const LOG_EVERY = 50

/**
 * Trains an agent and keeps what it becomes in a folder: state and best policy (safetensors), `metrics.jsonl`, TensorBoard
 * events, learning curves.
 *
 * @returns the best score on val and its step
 * @throws AgentError, NetworkError, DataSetError: before anything is written, unless training itself fails
 */
export async function runTraining<C extends TrainingConfig>(
  algorithm: Algorithm<C>,
  request: TrainingRequest<C>,
): Promise<NonNullable<RunState['best']>> {
  const { dataset, computing, signal } = request
  const folder = new RunFolder(request.out)
  const shard = dataset.split('train')
  const identity = { name: dataset.name, hash: dataset.hash }
  const saved = typeof request.config === 'function' ? await readSaved(algorithm, folder, identity) : null
  const config = typeof request.config === 'function' ? request.config(saved!.config as C) : request.config
  if (saved === null) await folder.create()

  const progress = (label: string, total: number, unit: string) =>
    request.isSilent ? silentProgress : createProgress({ label, total, unit })
  const state = { ...config.state, target: algorithm.isConditional }
  const preparing = progress('crystals', shard.count, 'crystals')
  let prepared = 0
  const features = siteFeatures(config.features, () => SkeletonIndex.ofShard(shard)).map((feature, i) => ({
    ...feature,
    compute(crystal: BareCrystal) {
      // Crystals of val come later, when the display has ended.
      if (i === 0 && prepared < shard.count) preparing.update(++prepared)
      return feature.compute(crystal)
    },
  }))
  const packer = new Packer({ state, features })
  const replay = new Replay(shard, packer, {
    batchSize: config.batchSize,
    seed: config.seed,
    trajectories: { sites: config.sites, sources: config.sources },
    spaceGroup: config.spaceGroup,
    ...algorithm.samples(config),
  })
  preparing.stop()

  const { stateSize, nodeFeatures } = packer
  const shape = architecture({ ...config.architecture, stateSize, nodeFeatures })
  const { minutes, ...engine } = computing
  const network = await createQNetwork(shape, { seed: config.seed, ...engine })
  try {
    const header = { agent: algorithm.name, config, architecture: shape, state, dataset: identity }
    if (needsSkeletons(config.features) && saved === null) {
      await writeWhole(folder.file('skeletons'), encodeStructures(structuresOf(shard)))
    }
    const log = new MetricsLog(folder.path, saved?.state.step ?? 0)
    const fromStep = saved?.state.step ?? 0
    request.onStart?.({ network, transitions: replay.count, fromStep, config })
    const training = progress(algorithm.name, config.steps, 'steps')
    try {
      const best = await train(
        {
          network,
          objective: (step) => algorithm.objective(config, replay, step),
          describeBatch: (step) => describeBatch(shard, replay.rows(step)),
          evaluate: evaluation(dataset.split('val'), network, packer, algorithm, config),
        },
        {
          ...config,
          schedule: config.learningRate,
          logEvery: LOG_EVERY,
          saveEvery: config.evaluateEvery,
          ...(minutes !== undefined && { minutes }),
        },
        {
          save: (runState) => writeRunState(folder.file('state'), header, runState),
          saveBest: (step, score) =>
            writePolicy(folder.file('policy'), { ...header, step, score }, network.parameters(config.policy)),
          log: (record) => log.write(record),
        },
        { start: saved?.state ?? null, progress: training, ...(signal && { signal }) },
      )
      return best
    } finally {
      training.stop()
      await writeWhole(folder.file('curves'), learningCurvesSvg(log.records))
    }
  } finally {
    network.dispose()
  }
}

/** The state to go on from. */
async function readSaved(algorithm: Algorithm, folder: RunFolder, dataset: CheckpointHeader['dataset']) {
  folder.requireState()
  const saved = await readRunState(folder.file('state'))
  if (saved.agent !== algorithm.name) {
    const what = `${folder.path} holds a run of ${saved.agent}, not ${algorithm.name}`
    throw new AgentError('nothing_to_resume', what, 'name the folder of another run')
  }
  if (saved.dataset.hash !== dataset.hash) {
    const short = (hash: string) => hash.slice(0, 16)
    const what = `${folder.path} learnt from ${saved.dataset.name} (hash ${short(saved.dataset.hash)}), not from this ${dataset.name} (${short(dataset.hash)})`
    throw new AgentError('wrong_data', what, 'give the data set it began with, or begin a new run')
  }
  return saved
}

/** Greedy rollouts on a split. A conditional agent is asked for the true gap of each crystal. */
function evaluation(
  shard: CrystalShard,
  network: QNetwork,
  packer: Packer,
  { name, isConditional }: Algorithm,
  { sites, policy }: TrainingConfig,
) {
  const target = (row: number) => (isConditional ? (shard.labels(row).bandGapEv ?? 0) : null)
  const episodes = localEpisodes(shard, { sites, seed: EVALUATION_SEED, target })
  const agent = new NetworkAgent(name, network, packer, { copy: policy })
  return async () => scoreFillings(await playLocally(agent, episodes), episodes)
}

function structuresOf(shard: CrystalShard) {
  return Array.from({ length: shard.count }, (_, row) => shard.structure(row))
}

function describeBatch(shard: CrystalShard, rows: Uint32Array): string {
  const first = Array.from(rows.subarray(0, 3), (row) => shard.id(row))
  return `batch of ${rows.length} with crystals ${first.join(', ')}${rows.length > 3 ? ', ...' : ''}`
}
