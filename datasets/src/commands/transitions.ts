import { Command } from 'commander'
import { CrystalDataSet } from '../store/data-set.js'
import { paperSweep, rewardStatistics, type RewardStatistics } from '../transitions/reward-statistics.js'
import type { RewardParameters } from '../transitions/reward.js'
import { TransitionSet } from '../transitions/transition-set.js'
import { aligned } from './table.js'
import { addTrajectoryOptions, energyOption, trajectoryOptions, type TrajectoryFlags } from './trajectory-options.js'

interface Options extends TrajectoryFlags {
  readonly split?: string
  readonly energy: RewardParameters['energy']
  readonly stats?: true
  readonly json?: true
}

interface SplitTransitions {
  readonly crystals: number
  /** Crystals that give trajectories. */
  readonly used: number
  readonly disconnected: number
  readonly trajectories: number
  readonly transitions: number
  readonly rewards?: readonly RewardStatistics[]
}

export function transitionsCommand(): Command {
  const command = new Command('transitions')
    .description('count the transitions of a data set; with --stats, their rewards over the parameters of the paper')
    .argument('<dir>', 'a data-set folder, or `builtin`')
    .option('--split <split>', 'only this split (default: all)')
    .option('--stats', 'distribution of the terminal reward for each parameter set of the sweep')
    .addOption(energyOption())
  return addTrajectoryOptions(command).option('--json', 'print JSON').action(runTransitions)
}

async function runTransitions(folder: string, options: Options): Promise<void> {
  const dataSet = await CrystalDataSet.open(folder)
  const splits = options.split === undefined ? dataSet.splits : [options.split]
  const counts = Object.fromEntries(splits.map((split) => [split, count(dataSet, split, options)]))
  const all = Object.values(counts)
  const transitions = all.reduce((sum, split) => sum + split.transitions, 0)
  const { name, hash } = dataSet
  console.log(
    options.json ? JSON.stringify({ name, hash, transitions, splits: counts }) : describe(counts, transitions),
  )
}

function count(dataSet: CrystalDataSet, split: string, options: Options): SplitTransitions {
  const shard = dataSet.split(split)
  const set = new TransitionSet(shard, trajectoryOptions(options))
  let disconnected = 0
  for (let row = 0; row < shard.count; row++) disconnected += Number(!shard.connected(row))
  return {
    crystals: shard.count,
    used: new Set(set.trajectories.crystals).size,
    disconnected,
    trajectories: set.trajectoryCount,
    transitions: set.count,
    ...(options.stats && {
      rewards: paperSweep(options.energy).map((parameters) => rewardStatistics(set, parameters)),
    }),
  }
}

function describe(splits: Readonly<Record<string, SplitTransitions>>, transitions: number): string {
  const lines: string[] = []
  for (const [split, { crystals, used, disconnected, rewards, ...counts }] of Object.entries(splits)) {
    const parts = `${disconnected} of ${crystals} fall into parts`
    lines.push(
      `${split}: ${counts.transitions} transitions, ${counts.trajectories} trajectories, ${used} crystals (${parts})`,
    )
    if (rewards) lines.push(...aligned(rewardTable(rewards)).map((line) => `  ${line}`))
  }
  lines.push(`all: ${transitions} transitions`)
  return lines.join('\n')
}

function rewardTable(rewards: readonly RewardStatistics[]): string[][] {
  const columns = ['mean', 'standard_deviation', 'min', 'p25', 'median', 'p75', 'max'] as const
  const head = [
    '',
    'alpha1',
    'alpha2',
    'beta',
    'target',
    'episodes',
    ...columns.map((name) => name.replace('standard_deviation', 'std')),
  ]
  const rows = rewards.map((row) => [
    '',
    ...[row.alpha1, row.alpha2, row.beta, row.target ?? '-', row.episodes].map(String),
    ...columns.map((name) => row[name]?.toFixed(3) ?? '-'),
  ])
  return [head, ...rows]
}
