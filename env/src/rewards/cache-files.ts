import { CrystalError, parseCrystal, readLines, type Crystal } from '@unitcell/datasets'
import { labelSetIdentity, labelSetSchema, type LabelSet } from '../dft/index.js'
import { cacheRecordSchema, crystalDigest, inconsistency, jsonObject, type CacheRecord } from './cache-record.js'
import { CrystalIndex, filledCrystal } from './crystal-identity.js'
import { CacheError } from './errors.js'
import type { ResultStore } from './result-store.js'

/** Field of an exported line: the settings and pseudopotentials that `label_set` is the identity of. */
const SETTINGS_FIELD = 'label_set_settings'

/** Two results of a crystal under one label set are the same within these. */
const SAME_ENERGY_RY = 1e-5
const SAME_GAP_EV = 5e-3

/** Lines of Crystals JSONL, one a result, each with all that its label depends on. */
export function* exportLines(store: ResultStore): Generator<string> {
  for (const record of store.records()) {
    yield JSON.stringify({ ...record, [SETTINGS_FIELD]: store.labelSet(record.label_set) })
  }
}

/** What became of the lines of an imported file. */
export interface ImportCounts {
  /** New to the cache. */
  readonly added: number
  /** Already there, with the same result. */
  readonly known: number
  /** Already there with another result, which was kept. */
  readonly conflicting: number
}

/** Results written in one transaction: the disk is waited for once. */
const BATCH = 256

/**
 * Puts exported results into a store. Results that are there already stay as they are.
 *
 * @throws CacheError `bad_cache_line` at the first line that is no result, or does not have the label set that it names:
 * what stands before it is in then; CrystalError where it is no crystal, or the file cannot be read
 */
export async function importResults(store: ResultStore, file: string, signal?: AbortSignal): Promise<ImportCounts> {
  const counts = { added: 0, known: 0, conflicting: 0 }
  let batch: { readonly record: CacheRecord; readonly settings: LabelSet }[] = []
  let inBatch = new CrystalIndex<CacheRecord>()
  const flush = async () => {
    await Promise.all(batch.map(({ record, settings }) => store.put(record, settings)))
    counts.added += batch.length
    batch = []
    inBatch = new CrystalIndex()
  }
  try {
    for await (const { line, text } of readLines(file)) {
      signal?.throwIfAborted()
      const { record, settings, structure } = parseLine(text, file, line)
      const crystal = filledCrystal(structure, structure.species)
      const crystalOfSet = { ...crystal, composition: `${record.label_set} ${crystal.composition}` }
      const present = inBatch.get(crystalOfSet) ?? store.find(record.label_set, crystal)
      if (present) counts[isSameResult(present, record) ? 'known' : 'conflicting']++
      else {
        batch.push({ record, settings })
        inBatch.add(crystalOfSet, record)
      }
      if (batch.length === BATCH) await flush()
    }
  } finally {
    await flush()
  }
  return counts
}

function parseLine(text: string, file: string, line: number) {
  const fail = (what: string): never => {
    throw new CacheError(
      'bad_cache_line',
      `${file}:${line}: ${what}`,
      'give a file that `unitcell-env cache export` made',
    )
  }
  const fields = jsonObject(text) ?? fail('the line is no JSON object')
  const settings = labelSetSchema.safeParse(fields[SETTINGS_FIELD])
  const parsed = cacheRecordSchema.safeParse(fields)
  for (const { error } of [parsed, settings]) {
    if (error) fail(`${error.issues[0].path.join('.') || SETTINGS_FIELD}: ${error.issues[0].message}`)
  }
  const record = parsed.data!
  const { structure } = crystalOf(record, file, line)
  const problem = inconsistency(record) ?? labelSetProblem(record, settings.data!)
  if (problem) fail(problem)
  const { formula } = record
  const named = { ...record, id: `${formula}-${crystalDigest(record)}` }
  return { record: named, settings: settings.data!, structure }
}

function crystalOf(record: CacheRecord, file: string, line: number): Crystal {
  try {
    return parseCrystal(record)
  } catch (error) {
    throw error instanceof CrystalError ? error.at(file, line) : error
  }
}

function labelSetProblem({ label_set, species }: CacheRecord, settings: LabelSet): string | null {
  const missing = species.find((symbol) => !Object.hasOwn(settings.pseudopotentials, symbol))
  if (missing) return `${SETTINGS_FIELD} names no pseudopotential of ${missing}`
  const identity = labelSetIdentity(settings, new Set(species))
  return identity === label_set ? null : `its settings have the identity ${identity}, it claims ${label_set}`
}

function isSameResult(a: CacheRecord, b: CacheRecord): boolean {
  if (a.failure || b.failure) return a.failure?.code === b.failure?.code
  const near = (p: number | null, q: number | null, tolerance: number) => Math.abs(p! - q!) <= tolerance
  return (
    near(a.total_energy_ry, b.total_energy_ry, SAME_ENERGY_RY) && near(a.signed_gap_ev, b.signed_gap_ev, SAME_GAP_EV)
  )
}
