import { availableParallelism } from 'node:os'
import { positiveInteger } from '@unitcell/datasets'
import { Option, type Command } from 'commander'
import { DEFAULT_TIME_LIMIT_SECONDS, DftError, PROFILE_NAMES } from '../dft/index.js'
import { defaultCacheFolder } from '../rewards/result-store.js'
import { CalculatedRewards } from '../server/calculated-rewards.js'
import { createRunner, positiveNumber, pseudoOption, type DftSettings } from './dft-options.js'

/** Options of `serve` that say how rewards come to be. */
export interface RewardOptions extends Pick<
  DftSettings,
  'pseudo' | 'profile' | 'launcher' | 'partition' | 'workFolder'
> {
  /** Undefined: where pw.x and pseudopotentials are there. */
  readonly dft?: boolean
  readonly dftSlots?: number
  readonly dftTimeLimit: number
  readonly cache: string
}

/** Runs at a time where a cluster does them: enough to keep some nodes busy. */
const slurmSlots = 32

export function addRewardOptions(command: Command): Command {
  return command
    .option('--dft', 'calculate rewards that no label has (default: where pw.x and pseudopotentials are there)')
    .option('--no-dft', 'recorded labels only')
    .addOption(pseudoOption())
    .addOption(new Option('--profile <name>', 'settings of DFT').choices(PROFILE_NAMES).default('fast'))
    .option('--dft-slots <n>', `runs at a time (default: one a core; ${slurmSlots} with slurm)`, positiveInteger)
    .option('--dft-time-limit <seconds>', 'wall time of one run', positiveNumber, DEFAULT_TIME_LIMIT_SECONDS)
    .addOption(
      new Option('--launcher <name>', 'run DFT here, or as jobs of a SLURM cluster')
        .choices(['local', 'slurm'])
        .default('local'),
    )
    .option('--partition <name>', 'of the SLURM cluster (default: its own)')
    .option('--cache <dir>', 'where results of DFT are kept', defaultCacheFolder())
    .option('--work-folder <dir>', 'where DFT runs (default: a folder of yours in the system’s for temporary files)')
}

export interface ChosenRewards {
  /** Null: recorded labels only. */
  readonly calculated: CalculatedRewards | null
  /** A line for people. */
  readonly description: string
}

/**
 * The rewards of a server. Where DFT was asked for, in general or by naming pseudopotentials or a launcher, what it lacks is
 * an error; otherwise the server does without.
 *
 * @throws DftError, CacheError
 */
export async function chooseRewards(options: RewardOptions, command: Command): Promise<ChosenRewards> {
  if (options.dft === false) return { calculated: null, description: 'recorded labels only (--no-dft)' }
  const isNamed = (name: string) =>
    command.getOptionValueSource(name) !== 'default' && command.getOptionValueSource(name) !== undefined
  const isAsked = options.dft === true || isNamed('pseudo') || isNamed('launcher')
  const slots = options.dftSlots ?? (options.launcher === 'slurm' ? slurmSlots : availableParallelism())
  const { profile, cache, dftTimeLimit: timeLimitSeconds } = options
  let runner
  try {
    runner = await createRunner({ ...options, slots, timeLimit: timeLimitSeconds })
  } catch (error) {
    const lacks =
      error instanceof DftError && (error.code === 'pw_missing' || error.code === 'pseudopotentials_not_found')
    if (isAsked || !lacks) throw error
    return { calculated: null, description: `recorded labels only, for want of DFT: ${error.message}` }
  }
  const calculated = await CalculatedRewards.open(runner, { profile, cache, slots, timeLimitSeconds })
  const pseudo = options.pseudo === 'gth' ? 'GTH-PBE' : options.pseudo
  const what = `Quantum Espresso ${runner.labelSet.codeVersion}, ${profile}, pseudopotentials ${pseudo}`
  const where = options.launcher === 'slurm' ? 'SLURM' : 'this machine'
  const set = `label set ${runner.identity.slice(0, 12)}`
  const description = `cache ${cache}, recorded labels, then ${what} (${set}), ${slots} runs at a time on ${where}`
  return { calculated, description }
}
