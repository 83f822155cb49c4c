import { availableParallelism } from 'node:os'
import { positiveInteger } from '@unitcell/datasets'
import { InvalidArgumentError, Option, type Command } from 'commander'
import {
  DEFAULT_TIME_LIMIT_SECONDS,
  DftRunner,
  LocalLauncher,
  PROFILE_NAMES,
  PseudopotentialSet,
  SlurmLauncher,
  profileByName,
  pseudopotentialSource,
  type Launcher,
} from '../dft/index.js'

/** The settings of calculations, as every command that runs some takes them. */
export interface DftSettings {
  /** `gth`, or a folder of UPF files. */
  readonly pseudo: string
  readonly profile: string
  readonly timeLimit: number
  readonly slots: number
  readonly launcher: 'local' | 'slurm'
  readonly partition?: string
  readonly workFolder?: string
  /** For an odd number of electrons; see `DftRunnerOptions`. */
  readonly magnetizations?: readonly number[]
}

/** Adds the options of `DftSettings` to a command. */
export function addDftOptions(command: Command): Command {
  return command
    .addOption(pseudoOption())
    .addOption(new Option('--profile <name>', 'settings').choices(PROFILE_NAMES).default('fast'))
    .option('--time-limit <seconds>', 'wall time of one run', positiveNumber, DEFAULT_TIME_LIMIT_SECONDS)
    .option('--slots <n>', 'runs at a time, each on one core', positiveInteger, availableParallelism())
    .addOption(
      new Option('--launcher <name>', 'run here, or as jobs of a SLURM cluster')
        .choices(['local', 'slurm'])
        .default('local'),
    )
    .option('--partition <name>', 'of the SLURM cluster (default: its own)')
    .option('--work-folder <dir>', 'where runs happen (default: a folder of yours in the system’s for temporary files)')
    .option('--magnetizations <list>', 'of crystals with an odd number of electrons, tried in turn: 1,3,5', oddIntegers)
}

/** `--pseudo`: the configured folder, else GTH. */
export function pseudoOption(): Option {
  return new Option('--pseudo <dir>', 'folder of UPF files, or gth for GTH-PBE of cp2k-data')
    .env('UNITCELL_PSEUDO')
    .default('gth')
}

/**
 * The runner of these settings.
 *
 * @throws DftError `pseudopotentials_not_found`, `bad_pseudopotential`, and those of `DftRunner.create`
 */
export async function createRunner(settings: DftSettings, profile = settings.profile): Promise<DftRunner> {
  const { pseudo, workFolder, magnetizations } = settings
  return DftRunner.create({
    pseudopotentials: await PseudopotentialSet.load(pseudopotentialSource(pseudo)),
    profile: profileByName(profile),
    launcher: launcherOf(settings),
    ...(workFolder !== undefined && { workFolder }),
    ...(magnetizations !== undefined && { magnetizations }),
  })
}

function launcherOf({ launcher, partition }: DftSettings): Launcher {
  if (launcher === 'local') return new LocalLauncher()
  return new SlurmLauncher(partition === undefined ? {} : { partition })
}

/** Parser of an option that is a number of seconds or the like. */
export function positiveNumber(text: string): number {
  const value = Number(text)
  if (text.trim() !== '' && Number.isFinite(value) && value > 0) return value
  throw new InvalidArgumentError('Give a number above 0.')
}

function oddIntegers(text: string): number[] {
  const values = text.split(',').map((item) => (item.trim() === '' ? NaN : Number(item)))
  if (values.every((value) => Number.isInteger(value) && Math.abs(value % 2) === 1)) return values
  throw new InvalidArgumentError('Give odd integers with commas between them.')
}
