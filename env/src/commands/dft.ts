import { availableParallelism } from 'node:os'
import { createProgress, interruptible, positiveInteger, readCrystals, type Crystal } from '@unitcell/datasets'
import { Command, InvalidArgumentError, Option } from 'commander'
import { runBatch } from '../dft-batch/batch.js'
import { unreadableRecord, type DftRecord } from '../dft-batch/record.js'
import { ResultsFile } from '../dft-batch/results-file.js'
import { dftTable } from '../dft-batch/table.js'
import {
  DEFAULT_TIME_LIMIT_SECONDS,
  DftError,
  DftRunner,
  PROFILE_NAMES,
  PseudopotentialSet,
  profileByName,
  pseudopotentialSource,
} from '../dft/index.js'

interface DftOptions {
  readonly pseudo: string
  readonly profile: string
  readonly timeLimit: number
  readonly slots: number
  readonly out?: string
  readonly retry?: true
  readonly workFolder?: string
  readonly json?: true
}

/** `unitcell-env dft`: energies and gaps of the crystals of a file. */
export function dftCommand(): Command {
  return new Command('dft')
    .description('compute total energy and band gap of crystals with Quantum Espresso')
    .argument('<file>', 'crystals: any format that `unitcell-data` reads')
    .addOption(
      new Option('--pseudo <dir>', 'folder of UPF files, or gth for GTH-PBE of cp2k-data')
        .env('UNITCELL_PSEUDO')
        .default('gth'),
    )
    .addOption(new Option('--profile <name>', 'settings').choices(PROFILE_NAMES).default('fast'))
    .option('--time-limit <seconds>', 'wall time of one run', positiveNumber, DEFAULT_TIME_LIMIT_SECONDS)
    .option('--slots <n>', 'runs at a time (default: one per core)', positiveInteger, availableParallelism())
    .option('--out <file>', 'keep results there, a JSON line each; crystals that have one there are not computed again')
    .option('--retry', 'compute crystals again that failed in a way that need not last, such as the time limit')
    .option('--work-folder <dir>', 'where runs happen (default: a folder of yours in the system’s for temporary files)')
    .option('--json', 'print JSON lines as results come, instead of a table at the end')
    .action(runDft)
}

async function runDft(file: string, options: DftOptions): Promise<void> {
  const crystals: Crystal[] = []
  const records = new Map<string, DftRecord>()
  for await (const row of readCrystals(file)) {
    if ('crystal' in row) crystals.push(row.crystal)
    else {
      const id = row.id ?? `line ${row.line}`
      records.set(id, unreadableRecord(id, row.error.code, `${file}:${row.line}: ${row.error.message}`))
    }
  }
  checkIds(crystals, file)
  const pseudopotentials = await PseudopotentialSet.load(pseudopotentialSource(options.pseudo))
  const profile = profileByName(options.profile)
  const runner = await DftRunner.create({
    pseudopotentials,
    profile,
    ...(options.workFolder !== undefined && { workFolder: options.workFolder }),
  })
  const results = options.out === undefined ? null : await ResultsFile.open(options.out)
  try {
    const known = results ? reusable(results, crystals, runner, options) : new Map<string, DftRecord>()
    for (const record of known.values()) records.set(record.id, record)
    if (options.json) for (const record of records.values()) console.log(JSON.stringify(record))
    const left = crystals.filter(({ id }) => !known.has(id))
    const progress = createProgress({ label: 'dft', total: left.length, unit: 'crystals', everySeconds: 10 })
    let done = 0
    try {
      await interruptible((signal) =>
        runBatch(runner, left, {
          slots: options.slots,
          timeLimitSeconds: options.timeLimit,
          signal,
          onResult: async (record) => {
            await results?.append(record)
            records.set(record.id, record)
            if (options.json) console.log(JSON.stringify(record))
            progress.update(++done)
          },
        }),
      )
    } finally {
      progress.stop()
      if (!options.json) printTable(crystals, records)
    }
  } finally {
    await results?.close()
  }
  const failed = [...records.values()].filter(({ status }) => status === 'failed').length
  if (failed > 0) {
    console.error(`unitcell-env: ${failed} of ${records.size} crystals have no energy`)
    process.exitCode = 1
  }
}

function checkIds(crystals: readonly Crystal[], file: string): void {
  const seen = new Set<string>()
  for (const { id } of crystals) {
    if (seen.has(id)) {
      throw new DftError('duplicate_id', `${file} has two crystals ${JSON.stringify(id)} (give each an id of its own)`)
    }
    seen.add(id)
  }
}

/** The results of a file that need no new run. */
function reusable(
  { records }: ResultsFile,
  crystals: readonly Crystal[],
  runner: DftRunner,
  { out = '', retry }: DftOptions,
): Map<string, DftRecord> {
  const known = new Map<string, DftRecord>()
  for (const { id, structure } of crystals) {
    const record = records.get(id)
    if (!record) continue
    if (record.label_set !== runner.identityFor(structure)) {
      const what = `${out} holds a result of ${id} under other settings or pseudopotentials`
      throw new DftError('other_label_set', `${what}, and labels of two sets are never mixed (choose another --out)`)
    }
    if (retry && record.failure && !record.failure.deterministic) continue
    known.set(id, record)
  }
  return known
}

/** In the order of the input; rows that are no crystals at the end. */
function printTable(crystals: readonly Crystal[], records: ReadonlyMap<string, DftRecord>): void {
  const inOrder = new Set([...crystals.map(({ id }) => id), ...records.keys()])
  const rows = [...inOrder].flatMap((id) => records.get(id) ?? [])
  if (rows.length > 0) console.log(dftTable(rows))
}

function positiveNumber(text: string): number {
  const value = Number(text)
  if (text.trim() !== '' && Number.isFinite(value) && value > 0) return value
  throw new InvalidArgumentError('Give a number of seconds above 0.')
}
