import { interruptible, writeLines } from '@unitcell/datasets'
import { Command, Option } from 'commander'
import { exportLines, importResults } from '../rewards/cache-files.js'
import { summarize, verifyStore } from '../rewards/cache-report.js'
import { CacheError } from '../rewards/errors.js'
import { defaultCacheFolder, ResultStore } from '../rewards/result-store.js'

interface CacheOptions {
  readonly cache: string
  readonly out?: string
  readonly json?: true
}

/** `--cache`: the folder of results, for every command that uses it. */
export function cacheOption(): Option {
  return new Option('--cache <dir>', 'folder that keeps results of calculations')
    .env('UNITCELL_CACHE')
    .default(defaultCacheFolder(), 'unitcell/results in your folder for caches')
}

/** `unitcell-env cache`: the results that were kept. */
export function cacheCommand(): Command {
  const command = new Command('cache').description('results of calculations: count, export, import, verify them')
  command
    .command('stats')
    .description('count the results, by label set')
    .addOption(cacheOption())
    .option('--json', 'print one JSON object')
    .action(stats)
  command
    .command('export')
    .description('write the results as Crystals JSONL, each with its label set')
    .argument('[file]', 'gzip if its name ends in .gz (default: standard output)')
    .addOption(cacheOption())
    .option('--out <file>', 'the same as the argument')
    .action((file: string | undefined, options: CacheOptions) => exportTo(file ?? options.out, options))
  command
    .command('import')
    .description('add results of exports; those that are there stay as they are')
    .argument('<files...>', 'made by `unitcell-env cache export`, plain or gzip')
    .addOption(cacheOption())
    .option('--json', 'print one JSON object')
    .action(importFrom)
  command
    .command('verify')
    .description('read everything again and compare hashes and keys; exit code 0 if nothing is damaged')
    .addOption(cacheOption())
    .option('--json', 'print one JSON object')
    .action(verify)
  return command
}

/** Opens the store of `--cache` for a job, and closes it. */
async function withStore<T>(
  folder: string,
  options: Parameters<typeof ResultStore.open>[1],
  job: (store: ResultStore) => Promise<T> | T,
): Promise<T> {
  const store = await ResultStore.open(folder, options)
  try {
    return await job(store)
  } finally {
    await store.close()
  }
}

async function stats({ cache, json }: CacheOptions): Promise<void> {
  const summary = await withStore(cache, { existing: true }, summarize)
  if (json) return console.log(JSON.stringify(summary))
  const { folder, bytes, results, cpu_seconds, label_sets, failures } = summary
  console.log(`${folder}: ${results} results of ${cpu_seconds} CPU seconds, ${(bytes / 1e6).toFixed(1)} MB`)
  for (const { settings, elements, converged, failed } of label_sets) {
    console.log(`  ${settings}, ${elements} elements: ${converged} converged, ${failed} failed`)
  }
  for (const [code, count] of Object.entries(failures)) console.log(`  ${code}: ${count}`)
}

async function exportTo(file: string | undefined, { cache }: CacheOptions): Promise<void> {
  await withStore(cache, { existing: true }, async (store) => {
    if (file === undefined) for (const line of exportLines(store)) console.log(line)
    else await interruptible((signal) => writeLines(file, exportLines(store), signal))
  })
}

async function importFrom(files: string[], { cache, json }: CacheOptions): Promise<void> {
  const total = { added: 0, known: 0, conflicting: 0 }
  await withStore(cache, {}, (store) =>
    interruptible(async (signal) => {
      for (const file of files) {
        const { added, known, conflicting } = await importResults(store, file, signal)
        total.added += added
        total.known += known
        total.conflicting += conflicting
      }
    }),
  )
  const { added, known, conflicting } = total
  console.log(json ? JSON.stringify(total) : `${added} results added, ${known} were there already`)
  if (conflicting > 0) {
    const what = `${conflicting} crystals had another result in the cache, which was kept`
    console.error(`unitcell-env: ${what} (compare with \`unitcell-env cache export\`)`)
  }
}

async function verify({ cache, json }: CacheOptions): Promise<void> {
  const { entries, damaged } = await withStore(cache, { existing: true, thorough: true }, verifyStore)
  if (json) console.log(JSON.stringify({ folder: cache, entries, damaged }))
  else {
    for (const { key, problem } of damaged) console.log(`${key}: ${problem}`)
    if (damaged.length === 0) console.log(`${entries} entries are what was put in`)
  }
  if (damaged.length === 0) return
  const what = `${damaged.length} of ${entries} entries in ${cache} are damaged`
  throw new CacheError('cache_corrupt', what, 'they are not used; new calculations, or an import, take their place')
}
