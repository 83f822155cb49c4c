import { readFile } from 'node:fs/promises'
import { basename, resolve } from 'node:path'
import { Command, InvalidArgumentError, Option } from 'commander'
import type { CrystalFormat } from '../formats/read-crystals.js'
import { createProgress } from '../progress.js'
import { DataSetError } from '../store/data-set-error.js'
import { checkTarget, writeDataSetFolder } from '../store/folder.js'
import type { ImportSource } from '../store/import.js'
import { importDataSet } from '../store/import.js'
import type { CellChoice, Manifest } from '../store/manifest.js'
import { splitNameSchema } from '../store/manifest.js'
import { cellOption, formatOption, threadsOption } from './options.js'
import { interruptible, positiveInteger } from '../program.js'

interface Options {
  readonly out: string
  readonly split: ImportSource[]
  readonly format: CrystalFormat
  readonly cell: CellChoice
  readonly maxSites: number
  readonly name?: string
  readonly licence?: string
  readonly labelSet?: string
  readonly threads?: number
  readonly force?: true
  readonly json?: true
}

export function importCommand(): Command {
  return new Command('import')
    .description('build a data-set folder, with graphs and symmetry, from files of crystals')
    .requiredOption('--out <dir>', 'folder to make')
    .addOption(
      new Option('--split <name=file>', 'a file and the split it goes to; repeatable, files of one split are joined')
        .argParser(parseSplit)
        .makeOptionMandatory(),
    )
    .addOption(formatOption())
    .addOption(cellOption())
    .option('--max-sites <n>', 'reject crystals with more sites', positiveInteger, 20)
    .option('--name <name>', 'name of the data set (default: that of the folder)')
    .option('--licence <text>', 'terms of the data, kept in the manifest')
    .option('--label-set <file>', 'JSON file on how the labels were computed, kept in the manifest')
    .addOption(threadsOption())
    .option('--force', 'replace a data set that has the name of the folder')
    .option('--json', 'print the summary as JSON')
    .action(runImport)
}

async function runImport(options: Options): Promise<void> {
  const { out, split: sources, force = false, threads } = options
  await checkTarget(out, force)
  const labelSet = options.labelSet === undefined ? null : await readLabelSet(options.labelSet)
  const started = performance.now()
  const manifest = await interruptible(async (signal) => {
    const compiled = await importDataSet({
      name: options.name ?? basename(resolve(out)),
      sources,
      format: options.format,
      cell: options.cell,
      maxSites: options.maxSites,
      licence: options.licence ?? null,
      labelSet,
      ...(threads && { threads }),
      signal,
      onStart: (total) => createProgress({ label: 'import', total, unit: 'crystals' }),
    })
    await writeDataSetFolder(compiled, out, { force, signal })
    return compiled.manifest
  })
  report(manifest, options, (performance.now() - started) / 1000)
  if (Object.values(manifest.splits).every(({ crystals }) => crystals === 0)) {
    const fix = `see the reasons in ${out}/${manifest.rejected.file}`
    throw new DataSetError('empty_data_set', 'not one crystal was accepted', fix)
  }
}

function report(manifest: Manifest, { out, json }: Options, seconds: number): void {
  const { name, hash, splits, rejected } = manifest
  if (json) {
    console.log(JSON.stringify({ out, name, hash, splits, rejected, seconds: Number(seconds.toFixed(3)) }))
    return
  }
  for (const [split, counts] of Object.entries(splits)) {
    console.log(`${split}: ${counts.crystals} crystals, ${counts.sites} sites, ${counts.edges} edges`)
  }
  const reasons = Object.entries(rejected.by_code).map(([code, rows]) => `${code} ${rows}`)
  const where = rejected.rows > 0 ? ` (${reasons.join(', ')}; see ${out}/${rejected.file})` : ''
  console.log(`rejected: ${rejected.rows} rows${where}`)
  console.log(`${out}: data set ${name}, hash ${hash.slice(0, 16)}, ${seconds.toFixed(1)} s`)
}

function parseSplit(text: string, previous: ImportSource[] = []): ImportSource[] {
  const at = text.indexOf('=')
  const split = text.slice(0, Math.max(at, 0))
  const file = text.slice(at + 1)
  if (at < 0 || file === '' || !splitNameSchema.safeParse(split).success) {
    throw new InvalidArgumentError('Write NAME=FILE, the name of letters, digits, - and _.')
  }
  return [...previous, { split, file }]
}

async function readLabelSet(file: string): Promise<Record<string, unknown>> {
  const fail = (what: string): never => {
    throw new DataSetError('bad_argument', `--label-set ${file}: ${what}`, 'give a JSON file that holds one object')
  }
  try {
    const value: unknown = JSON.parse(await readFile(file, 'utf8'))
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>
  } catch (error) {
    return fail((error as Error).message)
  }
  return fail('not a JSON object')
}
