import { behavioralCloning } from '@unitcell/behavioral-cloning'
import { conditionalCql } from '@unitcell/conditional-cql'
import { cql } from '@unitcell/cql'
import { CrystalDataSet, interruptible, positiveInteger } from '@unitcell/datasets'
import { BACKEND_CHOICES, type BackendChoice } from '@unitcell/network'
import { AgentError, runTraining, type Algorithm, type Preset, type TrainingConfig } from '@unitcell/training'
import { Command, InvalidArgumentError, Option } from 'commander'
import { nonNegative, positive, wholeNumber } from './numbers.js'

const ALGORITHMS = [behavioralCloning, cql, conditionalCql] as const

interface TrainOptions {
  readonly data: string
  readonly out: string
  readonly preset: Preset
  readonly resume?: boolean
  readonly backend: BackendChoice
  readonly threads?: number
  readonly minutes?: number
  readonly json?: boolean
  // What the preset says, changed.
  readonly steps?: number
  readonly batchSize?: number
  readonly seed?: number
  readonly lr?: number
  readonly focus?: 'node' | 'index'
  readonly sites?: 'shuffled' | 'file'
  readonly evaluateEvery?: number
  readonly target?: (number | 'true')[]
  readonly omega?: number
  readonly alpha1?: number
  readonly alpha2?: number
  readonly beta?: number
}

/** `unitcell-agent train`: trains an agent on a data set. */
export function trainCommand(): Command {
  return new Command('train')
    .description('train an agent on a data set; Ctrl-C keeps what is there, --resume goes on with it')
    .addArgument(new Command().createArgument('<agent>', 'what to train').choices(ALGORITHMS.map(({ name }) => name)))
    .requiredOption('--data <dir>', 'data-set folder with the splits train and val, or builtin')
    .requiredOption('--out <dir>', 'folder for checkpoints, metrics and learning curves')
    .addOption(
      new Option('--preset <name>', 'the configuration of the paper, or the best one known')
        .choices(['paper', 'best'])
        .default('best'),
    )
    .option('--steps <n>', 'training steps', positiveInteger)
    .option('--minutes <n>', 'end earlier, after so many minutes', positive)
    .option('--batch-size <n>', 'transitions in a step', positiveInteger)
    .option('--seed <n>', 'seed of parameters, orders and batches (default: 0)', wholeNumber)
    .option('--lr <rate>', 'peak learning rate', positive)
    .addOption(new Option('--backend <name>', 'engine of the network').choices(BACKEND_CHOICES).default('auto'))
    .option('--threads <n>', 'computing threads (default: one per core)', positiveInteger)
    .addOption(new Option('--focus <how>', 'how the network sees the site to fill').choices(['node', 'index']))
    .addOption(new Option('--sites <order>', 'numbering of the sites').choices(['shuffled', 'file']))
    .option('--evaluate-every <n>', 'steps between greedy rollouts on val', positiveInteger)
    .option('--target <eV...>', 'conditional-cql: target band gaps; true: that of the crystal itself', parseTarget)
    .option('--omega <weight>', 'cql, conditional-cql: weight of the conservative term', nonNegative)
    .option('--alpha1 <weight>', 'cql, conditional-cql: weight of the energy in the reward', nonNegative)
    .option('--alpha2 <weight>', 'conditional-cql: weight of the band gap in the reward', nonNegative)
    .option('--beta <eV^2>', 'conditional-cql: width of the band-gap term', positive)
    .option('--resume', 'go on with the run in --out, to --steps if given')
    .option('--json', 'print the summary as JSON')
    .action(train)
}

function parseTarget(text: string, earlier: (number | 'true')[] = []): (number | 'true')[] {
  const targets = text.split(',').map((part) => {
    if (part === 'true') return part
    const value = Number(part)
    if (part.trim() !== '' && value >= 0 && value < Infinity) return value
    throw new InvalidArgumentError('Give band gaps in eV, at least 0, or true.')
  })
  return [...earlier, ...targets]
}

async function train(name: string, options: TrainOptions): Promise<void> {
  const algorithm = ALGORITHMS.find((one) => one.name === name) as Algorithm<TrainingConfig>
  const preset = algorithm.presets[options.preset]
  const changed = changes(name, preset, options)
  const dataset = await CrystalDataSet.open(options.data)
  const { backend, threads, minutes } = options
  const best = await interruptible((signal) =>
    runTraining(algorithm, {
      dataset,
      out: options.out,
      config: options.resume ? (saved) => resumed(saved, changed) : { ...preset, ...changed },
      computing: { backend, ...(threads !== undefined && { threads }), ...(minutes !== undefined && { minutes }) },
      signal,
      onStart({ network, transitions, fromStep, config }) {
        if (options.json) return
        const { name: engine, detail, threads: used } = network.backend
        const from = fromStep > 0 ? `, from step ${fromStep}` : ''
        console.log(`${name}: ${config.steps} steps of ${config.batchSize} transitions${from}, seed ${config.seed}`)
        console.log(
          `data set ${dataset.name}: ${transitions} transitions; network of ${network.layout.size} parameters`,
        )
        console.log(`engine ${engine} (${detail}), ${used} thread${used === 1 ? '' : 's'}`)
      },
    }),
  )
  const { accuracy, similarity, validity, exact } = best.score
  if (options.json) {
    console.log(JSON.stringify({ agent: name, out: options.out, step: best.step, ...best.score }))
    return
  }
  const percent = (value: number) => `${value.toFixed(2)} %`
  console.log(
    `best on val, step ${best.step}: accuracy ${percent(accuracy)}, similarity ${percent(similarity)}, ` +
      `validity ${percent(validity)}, exact ${percent(exact)}`,
  )
  console.log(`written to ${options.out}; play it: unitcell-agent run ${name} --checkpoint ${options.out} --server URL`)
}

/** The fields of a configuration that the command line sets. */
function changes(name: string, preset: TrainingConfig, options: TrainOptions): Partial<TrainingConfig> {
  const { steps, batchSize, seed, lr, focus, sites, evaluateEvery, target, omega, alpha1, alpha2, beta } = options
  const own = { targets: target, omega, alpha1, alpha2, beta }
  for (const [field, value] of Object.entries(own)) {
    if (value === undefined || field in preset) continue
    const option = field === 'targets' ? 'target' : field
    throw new AgentError('bad_option', `${name} has no --${option}`, `leave it out, or train another agent`)
  }
  const given = {
    steps,
    batchSize,
    seed,
    sites,
    evaluateEvery,
    learningRate: lr === undefined ? undefined : { ...preset.learningRate, peak: lr },
    architecture: focus === undefined ? undefined : { ...preset.architecture, focus },
    ...own,
  }
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined))
}

/** The configuration of a run that goes on: only its length can be another. */
function resumed(saved: TrainingConfig, { steps, ...others }: Partial<TrainingConfig>): TrainingConfig {
  const [field] = Object.keys(others)
  if (field !== undefined) {
    throw new AgentError(
      'bad_option',
      `a run that goes on keeps its ${field}`,
      'give no option but --steps with --resume',
    )
  }
  return { ...saved, steps: steps ?? saved.steps }
}
