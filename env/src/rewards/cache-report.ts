import { statSync } from 'node:fs'
import { join } from 'node:path'
import { labelSetIdentity, labelSetSchema, type LabelSet } from '../dft/index.js'
import { cacheRecordSchema, inconsistency, jsonObject } from './cache-record.js'
import { DATA_FILE } from './lmdb-file.js'
import { resultKey, unseal, type ResultStore, type StoreEntry } from './result-store.js'

/** What a cache holds. */
export interface CacheSummary {
  readonly folder: string
  readonly bytes: number
  readonly results: number
  /** Of all calculations whose results are kept. */
  readonly cpu_seconds: number
  readonly label_sets: LabelSetCounts[]
  /** Results that are failures, by code. */
  readonly failures: Record<string, number>
}

export interface LabelSetCounts {
  /** In words. */
  readonly settings: string
  /** Elements of which there is a result. */
  readonly elements: number
  readonly converged: number
  readonly failed: number
}

interface SetCounts {
  readonly set: Omit<LabelSet, 'pseudopotentials'>
  readonly pseudopotentials: Map<string, string>
  converged: number
  failed: number
}

/** Counts the results of a store. Results under the same settings without a pseudopotential in conflict are of one set. */
export function summarize(store: ResultStore): CacheSummary {
  const sets: SetCounts[] = []
  const failures: Record<string, number> = {}
  let [results, cpuSeconds] = [0, 0]
  for (const record of store.records()) {
    const parsed = labelSetSchema.safeParse(store.labelSet(record.label_set))
    if (!parsed.success) continue
    const { pseudopotentials, ...set } = parsed.data
    const hashes = Object.entries(pseudopotentials).map(([symbol, { sha256 }]) => [symbol, sha256] as const)
    let counts = sets.find(
      (known) =>
        JSON.stringify(known.set) === JSON.stringify(set) &&
        hashes.every(([symbol, hash]) => (known.pseudopotentials.get(symbol) ?? hash) === hash),
    )
    if (!counts) sets.push((counts = { set, pseudopotentials: new Map(), converged: 0, failed: 0 }))
    for (const [symbol, hash] of hashes) counts.pseudopotentials.set(symbol, hash)
    counts[record.failure ? 'failed' : 'converged']++
    if (record.failure) failures[record.failure.code] = (failures[record.failure.code] ?? 0) + 1
    results++
    cpuSeconds += record.cpu_seconds
  }
  return {
    folder: store.folder,
    bytes: statSync(join(store.folder, DATA_FILE)).size,
    results,
    cpu_seconds: Math.round(cpuSeconds),
    label_sets: sets.map(({ set, pseudopotentials, converged, failed }) => {
      return { settings: inWords(set), elements: pseudopotentials.size, converged, failed }
    }),
    failures,
  }
}

function inWords({ code, codeVersion, functional, cutoffs, kGrid, bands }: SetCounts['set']): string {
  const { ecutwfcRy, ecutrhoRy } = cutoffs
  return `${code} ${codeVersion}, ${functional}, ${ecutwfcRy}/${ecutrhoRy} Ry, ${kGrid.join('x')} k points, bands ${bands.kind}`
}

/** An entry of a store that is not what was put in. */
export interface DamagedEntry {
  /** The parts of its key. */
  readonly key: string
  readonly problem: string
}

/**
 * Reads everything in a store again: the hash of every entry, and that every key is the one of what stands there.
 *
 * @returns what is damaged, and how much was read
 */
export function verifyStore(store: ResultStore): { entries: number; damaged: DamagedEntry[] } {
  const damaged: DamagedEntry[] = []
  let entries = 0
  for (const entry of store.entries()) {
    entries++
    const problem = entry.key[0] === 'label-set' ? settingsProblem(entry) : resultProblem(entry, store)
    if (problem) damaged.push({ key: entry.key.join(' '), problem })
  }
  return { entries, damaged }
}

function settingsProblem({ key, value }: StoreEntry): string | null {
  const parsed = labelSetSchema.safeParse(jsonObject(value))
  if (!parsed.success) return 'the settings of the label set cannot be read'
  const identity = labelSetIdentity(parsed.data)
  return identity === key[1] ? null : `the settings have the identity ${identity}`
}

function resultProblem({ key, value }: StoreEntry, store: ResultStore): string | null {
  const record = unseal(value)
  if (!record) return 'the text is not the one that its SHA-256 was made of'
  const parsed = cacheRecordSchema.safeParse(record)
  if (!parsed.success) return `${parsed.error.issues[0].path.join('.')}: ${parsed.error.issues[0].message}`
  if (resultKey(record).join(' ') !== key.join(' ')) return `it belongs to the key ${resultKey(record).join(' ')}`
  if (store.labelSet(record.label_set) === undefined) return 'the settings of its label set are missing'
  return inconsistency(record)
}
