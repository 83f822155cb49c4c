import { Command, Option } from 'commander'
import { EXPORT_FORMATS, exportDataSet, type ExportFormat, type ExportResult } from '../exports/export.js'
import { createProgress } from '../progress.js'
import { interruptible } from '../program.js'
import { CrystalDataSet } from '../store/data-set.js'
import {
  addRewardOptions,
  addTrajectoryOptions,
  rewardParameters,
  trajectoryOptions,
  type RewardFlags,
  type TrajectoryFlags,
} from './trajectory-options.js'

interface Options extends TrajectoryFlags, RewardFlags {
  readonly to: ExportFormat
  readonly out: string
  readonly split?: string
  readonly json?: true
}

export function exportCommand(): Command {
  const command = new Command('export')
    .description('write the transitions of a split for Minari, d3rlpy, Parquet or JSONL')
    .argument('<dir>', 'a data-set folder, or `builtin`')
    .addOption(new Option('--to <format>', 'format').choices(EXPORT_FORMATS).makeOptionMandatory())
    .requiredOption('--out <path>', 'file to write; for minari NAME-v0, or the folder in which to make it')
    .option('--split <split>', 'split (default: the first)')
  return addTrajectoryOptions(addRewardOptions(command)).option('--json', 'print the result as JSON').action(runExport)
}

async function runExport(folder: string, options: Options): Promise<void> {
  const dataSet = await CrystalDataSet.open(folder)
  const split = options.split ?? dataSet.splits[0]
  const result = await interruptible((signal) =>
    exportDataSet(dataSet, {
      format: options.to,
      out: options.out,
      split,
      trajectories: trajectoryOptions(options),
      reward: rewardParameters(options),
      signal,
      onStart: (total) => createProgress({ label: 'export', total, unit: 'episodes' }),
    }),
  )
  if (result.unrewarded > 0) {
    console.error(`${result.unrewarded} episodes are left out: their crystal lacks a label that the reward needs`)
  }
  console.log(options.json ? asJson(result, split) : describe(result, split))
}

function asJson({ path, datasetId, ...counts }: ExportResult, split: string): string {
  return JSON.stringify({ out: path, ...(datasetId !== null && { dataset_id: datasetId }), split, ...counts })
}

function describe({ path, datasetId, episodes, transitions }: ExportResult, split: string): string {
  const id = datasetId === null ? '' : `, Minari id ${datasetId}`
  return `${path}: ${transitions} transitions of ${episodes} episodes, split ${split}${id}`
}
