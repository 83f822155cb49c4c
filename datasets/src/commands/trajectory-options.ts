import { InvalidArgumentError, Option, type Command } from 'commander'
import { positiveInteger } from '../program.js'
import { DEFAULT_REWARD, type RewardParameters } from '../transitions/reward.js'
import type { TrajectoryOptions } from '../transitions/trajectories.js'

// Options of the commands that derive transitions: which trajectories, and which reward.

export interface TrajectoryFlags {
  readonly sources: number | 'all'
  readonly disconnected: 'drop' | 'continue'
  readonly sites: 'file' | 'shuffled'
  readonly order: 'breadth-first' | 'random'
  readonly fillings: number
  readonly seed: number
  readonly maxSites?: number
}

export interface RewardFlags {
  readonly target?: number
  readonly alpha1: number
  readonly alpha2: number
  readonly beta: number
  readonly energy: RewardParameters['energy']
}

export function addTrajectoryOptions(command: Command): Command {
  return command
    .addOption(new Option('--sources <n|all>', 'breadth-first sources per crystal').argParser(parseSources).default(5))
    .addOption(
      new Option('--disconnected <rule>', 'crystals whose graph falls into parts')
        .choices(['drop', 'continue'])
        .default('drop'),
    )
    .addOption(
      new Option('--sites <numbering>', 'site numbers: of the file, which leak the elements, or drawn per trajectory')
        .choices(['file', 'shuffled'])
        .default('file'),
    )
    .addOption(
      new Option('--order <order>', 'order of filling').choices(['breadth-first', 'random']).default('breadth-first'),
    )
    .option('--fillings <n>', 'fillings per order: the recorded one and symmetry-equivalent ones', positiveInteger, 1)
    .option('--seed <n>', 'seed of what is drawn at random', wholeNumber, 0)
    .option('--max-sites <n>', 'leave out crystals with more sites', positiveInteger)
}

export function trajectoryOptions(flags: TrajectoryFlags): TrajectoryOptions {
  const { sources, disconnected, sites, order, fillings, seed, maxSites } = flags
  return { sources, disconnected, sites, order, fillings, seed, filter: { sites: { max: maxSites } } }
}

export function addRewardOptions(command: Command): Command {
  return command
    .option('--target <ev>', 'target band gap, eV (default: none, unconditional)', nonNegative)
    .option('--alpha1 <x>', 'weight of the energy term, Eq. (7)', nonNegative, DEFAULT_REWARD.alpha1)
    .option('--alpha2 <x>', 'weight of the band-gap term', nonNegative, DEFAULT_REWARD.alpha2)
    .option('--beta <x>', 'width of the band-gap term, eV^2', positive, DEFAULT_REWARD.beta)
    .addOption(energyOption())
}

export function energyOption(): Option {
  return new Option('--energy <kind>', 'total energy of the cell (Ry), or formation energy per atom (eV)')
    .choices(['total', 'formation'])
    .default(DEFAULT_REWARD.energy)
}

export function rewardParameters({ target, alpha1, alpha2, beta, energy }: RewardFlags): RewardParameters {
  return { ...DEFAULT_REWARD, alpha1, alpha2, beta, energy, target: target ?? null }
}

function parseSources(text: string): number | 'all' {
  return text === 'all' ? 'all' : positiveInteger(text)
}

function wholeNumber(text: string): number {
  const value = Number(text)
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(value)) throw new InvalidArgumentError('Give a whole number from 0.')
  return value
}

function nonNegative(text: string): number {
  const value = Number(text)
  if (text.trim() === '' || !Number.isFinite(value) || value < 0) {
    throw new InvalidArgumentError('Give a number, at least 0.')
  }
  return value
}

function positive(text: string): number {
  const value = nonNegative(text)
  if (value === 0) throw new InvalidArgumentError('Give a number above 0.')
  return value
}
