import { mkdir, rm } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Command, Option } from 'commander'
import { execa, parseCommandString } from 'execa'
import { writeCrystals } from '../formats/crystals-jsonl.js'
import { interruptible, positiveInteger } from '../program.js'
import { referenceCandidates, type Candidate } from '../reference/candidates.js'
import {
  candidateCrystal,
  compileReference,
  CRYSTALS_FILE,
  failureLines,
  FAILURES_FILE,
  labelledLines,
  LABEL_SET_FILE,
} from '../reference/reference-set.js'
import { readResults, type DftResult } from '../reference/results.js'
import { BUILTIN_LABEL_SETS, builtinName, type BuiltinLabelSet } from '../store/builtin.js'
import { DataSetError } from '../store/data-set-error.js'
import { checkTarget, writeDataSetFolder } from '../store/folder.js'

interface Options {
  readonly labelSet: BuiltinLabelSet
  readonly pseudo?: string
  readonly out: string
  readonly results?: string
  readonly limit: number
  readonly slots?: number
  readonly timeLimit?: number
  readonly dftCommand: string
  readonly force?: true
}

/** Candidates of the committed sets. */
const LIMIT = 1000

/** `unitcell-data build-reference`: computes the data set that comes with the program. */
export function buildReferenceCommand(): Command {
  return new Command('build-reference')
    .description('compute the built-in data set from facts, by Quantum Espresso; goes on where it was stopped')
    .addOption(
      new Option('--label-set <name>', 'which of its label sets').choices(BUILTIN_LABEL_SETS).makeOptionMandatory(),
    )
    .option('--pseudo <dir>', 'folder of UPF files, or gth (default for the label set gth)')
    .requiredOption('--out <dir>', 'data-set folder to make')
    .option('--results <file>', 'results as they come, kept for the next call (default: OUT.results.jsonl)')
    .option('--limit <n>', 'how many candidates, in the order of their cost', positiveInteger, LIMIT)
    .option('--slots <n>', 'calculations at a time (default: one per core)', positiveInteger)
    .option('--time-limit <seconds>', 'wall time of one calculation', positiveInteger)
    .option('--dft-command <command>', 'the program that computes', 'unitcell-env')
    .option('--force', 'replace a data set that has the name of the folder')
    .action(runBuildReference)
}

async function runBuildReference(options: Options): Promise<void> {
  const { out, labelSet: set, force = false } = options
  const pseudo = options.pseudo ?? (set === 'gth' ? 'gth' : undefined)
  if (pseudo === undefined) {
    const fix = 'name the folder of the SSSP files with --pseudo'
    throw new DataSetError('bad_argument', `the label set ${set} needs its pseudopotentials`, fix)
  }
  await checkTarget(out, force)
  const all = referenceCandidates()
  const resultsFile = options.results ?? `${resolve(out)}.results.jsonl`
  const { counts, seconds } = await interruptible(async (signal) => {
    const dft = (args: readonly string[]) => runDft(options.dftCommand, args, signal)
    const labelSet = { name: set, ...parseLabelSet(await dft(['label-set', '--pseudo', pseudo])) }
    const results = await compute(all.slice(0, options.limit), resultsFile, pseudo, options, dft)
    // Those beyond the limit too that an earlier call computed.
    const candidates = all.filter(({ id }) => results.has(id))
    const labelled = toJsonLines(labelledLines(candidates, results))
    const failures = failureLines(candidates, results)
    const { manifest, files } = await compileReference({ name: builtinName(set), crystals: labelled, labelSet })
    const text = (content: string) => new TextEncoder().encode(content)
    const sources = [
      [CRYSTALS_FILE, text(labelled)],
      [FAILURES_FILE, text(toJsonLines(failures))],
      [LABEL_SET_FILE, text(`${JSON.stringify(labelSet, null, 1)}\n`)],
    ] as const
    await writeDataSetFolder({ manifest, files: new Map([...files, ...sources]) }, out, { force, signal })
    const seconds = candidates.reduce((sum, { id }) => sum + results.get(id)!.cpu_seconds, 0)
    return { counts: [candidates.length - failures.length, failures.length], seconds }
  })
  console.log(`${out}: ${counts[0]} crystals, ${counts[1]} failures, ${Math.round(seconds)} CPU s of calculations`)
}

/**
 * The result of every candidate, computed where the file of results does not hold it.
 *
 * @throws {DataSetError} `incomplete` where the program ended without some of them
 */
async function compute(
  candidates: readonly Candidate[],
  resultsFile: string,
  pseudo: string,
  { slots, timeLimit }: Options,
  dft: (args: readonly string[]) => Promise<string>,
): Promise<Map<string, DftResult>> {
  const input = `${resultsFile}.candidates.jsonl`
  await mkdir(dirname(resultsFile), { recursive: true })
  await writeCrystals(input, candidates.map(candidateCrystal))
  try {
    await dft([
      ...[input, '--out', resultsFile, '--pseudo', pseudo, '--json'],
      ...(slots === undefined ? [] : ['--slots', String(slots)]),
      ...(timeLimit === undefined ? [] : ['--time-limit', String(timeLimit)]),
    ])
  } finally {
    await rm(input, { force: true })
  }
  const results = await readResults(resultsFile)
  const missing = candidates.filter(({ id }) => !results.has(id))
  if (missing.length > 0) {
    const what = `${missing.length} of ${candidates.length} candidates have no result, ${missing[0].id} first`
    throw new DataSetError('incomplete', what, 'see what the program that computes said, and run this again')
  }
  return results
}

/**
 * Runs the `dft` command of the program; what it says on stderr is shown as it comes. It has an exit code other than 0
 * where a crystal failed too, so that code alone says nothing.
 *
 * @returns what it printed
 * @throws {DataSetError} `program_failed` where it cannot be started; the reason of `signal`
 */
async function runDft(command: string, args: readonly string[], signal: AbortSignal): Promise<string> {
  const [file, ...first] = parseCommandString(command)
  const result = await execa(file, [...first, 'dft', ...args], {
    // The workspace's own programs are found before those of the system.
    preferLocal: true,
    localDir: fileURLToPath(new URL('.', import.meta.url)),
    stdio: ['ignore', 'pipe', 'inherit'],
    maxBuffer: 1 << 28,
    reject: false,
    cancelSignal: signal,
    // It keeps its results and ends its calculations before it goes.
    forceKillAfterDelay: 60_000,
  })
  signal.throwIfAborted()
  if (result.failed && result.exitCode === undefined) {
    const fix = 'build the project, or name the program with --dft-command'
    throw new DataSetError('program_failed', `${command} cannot be run: ${result.originalMessage ?? ''}`, fix)
  }
  return result.stdout
}

function parseLabelSet(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>
  } catch {
    // Told below.
  }
  throw new DataSetError('program_failed', 'the program that computes did not say its settings', 'see what it said')
}

const toJsonLines = (records: readonly object[]) => records.map((record) => `${JSON.stringify(record)}\n`).join('')
