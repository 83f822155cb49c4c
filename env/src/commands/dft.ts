import { readCrystals, type Crystal } from '@unitcell/datasets'
import { Command } from 'commander'
import { computeCrystals } from '../dft-batch/compute.js'
import { checkIds } from '../dft-batch/known-results.js'
import { unreadableRecord, type DftRecord } from '../dft-batch/record.js'
import { dftTable } from '../dft-batch/table.js'
import { ResultStore, defaultCacheFolder } from '../rewards/result-store.js'
import { cachedResults } from './dft-cache.js'
import { addDftOptions, createRunner, type DftSettings } from './dft-options.js'
import { dftLabelSetCommand } from './dft-label-set.js'
import { dftVerifyCommand } from './dft-verify.js'

interface DftOptions extends DftSettings {
  /** False: none. */
  readonly cache: string | false
  readonly out?: string
  readonly retry?: true
  readonly json?: true
}

/** `unitcell-env dft`: energies and gaps of the crystals of a file. */
export function dftCommand(): Command {
  const command = new Command('dft')
    .description('compute total energy and band gap of crystals with Quantum Espresso')
    .argument('<file>', 'crystals: any format that `unitcell-data` reads')
    .enablePositionalOptions()
  return addDftOptions(command)
    .option('--cache <dir>', 'results that are there are not computed again, new ones are kept', defaultCacheFolder())
    .option('--no-cache', 'compute everything anew')
    .option('--out <file>', 'keep results in this file too, a JSON line each; it goes on where it was stopped')
    .option('--retry', 'compute those of --out again that failed in a way that need not last, such as the time limit')
    .option('--json', 'print JSON lines as results come, instead of a table at the end')
    .action(runDft)
    .addCommand(dftVerifyCommand())
    .addCommand(dftLabelSetCommand())
}

async function runDft(file: string, options: DftOptions): Promise<void> {
  const { slots, timeLimit, cache, out, retry, json } = options
  const crystals: Crystal[] = []
  const records = new Map<string, DftRecord>()
  const onRecord = (record: DftRecord) => {
    records.set(record.id, record)
    if (json) console.log(JSON.stringify(record))
  }
  for await (const row of readCrystals(file)) {
    if ('crystal' in row) crystals.push(row.crystal)
    else {
      const id = row.id ?? `line ${row.line}`
      onRecord(unreadableRecord(id, row.error.code, `${file}:${row.line}: ${row.error.message}`))
    }
  }
  checkIds(crystals, file)
  const runner = await createRunner(options)
  const store = cache === false ? null : await ResultStore.open(cache)
  try {
    await computeCrystals(runner, crystals, {
      slots,
      timeLimitSeconds: timeLimit,
      file: out,
      kept: store ? cachedResults(store, runner) : undefined,
      tryAgain: ({ failure }) => retry === true && failure !== null && !failure.deterministic,
      onRecord,
      label: 'dft',
    })
  } finally {
    await store?.close()
    if (!json) printTable(crystals, records)
  }
  const failed = [...records.values()].filter(({ status }) => status === 'failed').length
  if (failed > 0) {
    console.error(`unitcell-env: ${failed} of ${records.size} crystals have no energy`)
    process.exitCode = 1
  }
}

/** In the order of the input; rows that are no crystals at the end. */
function printTable(crystals: readonly Crystal[], records: ReadonlyMap<string, DftRecord>): void {
  const inOrder = new Set([...crystals.map(({ id }) => id), ...records.keys()])
  const rows = [...inOrder].flatMap((id) => records.get(id) ?? [])
  if (rows.length > 0) console.log(dftTable(rows))
}
