import { createHash } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { open, type RootDatabase } from 'lmdb'
import { restrictLabelSet, type LabelSet } from '../dft/index.js'
import { crystalDigest, structureOf, type CacheRecord } from './cache-record.js'
import { filledCrystal, isSameCrystal, VOLUME_TOLERANCE, type FilledCrystal } from './crystal-identity.js'
import { CacheError } from './errors.js'
import { checkLmdbFile, corruptCache, DATA_FILE } from './lmdb-file.js'

/** Version of the layout below; a cache of another one is refused. */
const FORMAT = 'unitcell-results 1'

const FORMAT_KEY = 'format'

type Key = string | (string | number)[]

/**
 * Where a result stands: what the label depends on beside the crystal, then what is the same for every description of the
 * crystal, then what tells crystals apart that have both in common.
 */
export type ResultKey = readonly ['result', labelSet: string, composition: string, volume: number, digest: string]

/** Where the settings and pseudopotentials behind the identity of a label set stand. */
export type LabelSetKey = readonly ['label-set', labelSet: string]

export interface StoreEntry {
  readonly key: readonly (string | number)[]
  readonly value: string
}

/** Results are kept below the user's folder for caches (XDG Base Directory Specification) unless told otherwise. */
export function defaultCacheFolder(): string {
  const { UNITCELL_CACHE, XDG_CACHE_HOME } = process.env
  return UNITCELL_CACHE || join(XDG_CACHE_HOME || join(homedir(), '.cache'), 'unitcell', 'results')
}

/**
 * Results of calculations on disk, in LMDB. A result is found by every description of its crystal, under its own label
 * set only. Any number of processes of one machine may use a store at the same time.
 */
export class ResultStore {
  private constructor(
    readonly folder: string,
    private readonly database: RootDatabase<string, Key>,
  ) {}

  /**
   * Opens a store, or begins one.
   *
   * @param existing only one that is there; `cache_missing` otherwise
   * @param thorough look at every page of the file first
   * @throws CacheError `cache_unwritable`, `cache_foreign`, `cache_corrupt`, `cache_missing`
   */
  static async open(folder: string, { existing = false, thorough = false } = {}): Promise<ResultStore> {
    const isThere = checkLmdbFile(join(folder, DATA_FILE), thorough)
    if (!isThere && existing) {
      throw new CacheError('cache_missing', `there is no cache in ${folder}`, 'name the folder of one by --cache')
    }
    const store = attempt(folder, () => {
      mkdirSync(folder, { recursive: true, mode: 0o700 })
      // Without overlapping, a transaction has ended when it is on the disk, not when others can see it.
      const options = { path: folder, noSubdir: false, encoding: 'string', overlappingSync: false } as const
      return new ResultStore(folder, open<string, Key>(options))
    })
    try {
      await store.checkFormat(isThere)
    } catch (error) {
      await store.close()
      throw error
    }
    return store
  }

  private async checkFormat(isThere: boolean): Promise<void> {
    const format = attempt(this.folder, () => this.database.get(FORMAT_KEY))
    if (format === FORMAT) return
    if (format === undefined && (!isThere || this.database.getKeysCount({ limit: 1 }) === 0)) {
      return attemptAsync(this.folder, () => this.database.put(FORMAT_KEY, FORMAT))
    }
    const what = `${this.folder} holds ${format === undefined ? 'another program’s data' : `a cache "${format}"`}, not "${FORMAT}"`
    throw new CacheError('cache_foreign', what, 'choose another folder by --cache')
  }

  /**
   * The result of a crystal under a label set; null where there is none. A damaged one counts as none: a new result takes
   * its place.
   *
   * @param labelSet identity of the label set for the elements of the crystal
   * @throws CacheError `cache_corrupt`
   */
  find(labelSet: string, crystal: FilledCrystal): CacheRecord | null {
    return attempt(this.folder, () => {
      const { composition, volume } = crystal
      const bound = (value: number) => ['result', labelSet, composition, value]
      const range = { start: bound(volume * (1 - VOLUME_TOLERANCE)), end: bound(volume * (1 + VOLUME_TOLERANCE)) }
      for (const { value } of this.database.getRange(range)) {
        const record = unseal(value)
        if (record === null) continue
        const known = structureOf(record)
        if (isSameCrystal(crystal, filledCrystal(known, known.species))) return record
      }
      return null
    })
  }

  /**
   * Keeps a result; resolves once it is on the disk. One that is there of the same crystal gives way.
   *
   * @param labelSet behind `record.label_set`: it may cover more elements
   * @throws CacheError `cache_unwritable`, and then nothing has changed
   */
  async put(record: CacheRecord, labelSet: LabelSet): Promise<void> {
    const structure = structureOf(record)
    const crystal = filledCrystal(structure, structure.species)
    const known = this.find(record.label_set, crystal)
    const settings = restrictLabelSet(labelSet, record.species)
    // LMDB makes one transaction of what is written in one turn.
    await attemptAsync(this.folder, () =>
      Promise.all([
        known && this.database.remove([...resultKey(known)]),
        this.database.put(['label-set', record.label_set], JSON.stringify(settings)),
        this.database.put([...resultKey(record)], seal(record)),
      ]),
    )
  }

  /** Everything in the store, in the order of the keys, as it is. */
  *entries(): Generator<StoreEntry> {
    for (const { key, value } of this.database.getRange({})) {
      if (key !== FORMAT_KEY) yield { key: [key].flat(), value }
    }
  }

  /** Whole results, in the order of the keys; damaged ones are left out. */
  *records(): Generator<CacheRecord> {
    for (const { value } of this.database.getRange({ start: ['result'], end: ['result\0'] })) {
      const record = unseal(value)
      if (record) yield record
    }
  }

  /** The settings behind an identity, as they were put in; undefined where it is not known. */
  labelSet(identity: string): unknown {
    const text = this.database.get(['label-set', identity])
    return text === undefined ? undefined : (JSON.parse(text) as unknown)
  }

  async close(): Promise<void> {
    await this.database.close()
  }
}

export function resultKey(record: CacheRecord): ResultKey {
  const structure = structureOf(record)
  const { composition, volume } = filledCrystal(structure, structure.species)
  return ['result', record.label_set, composition, volume, crystalDigest(record)]
}

/** A record as it is stored, after the SHA-256 of its text. */
function seal(record: CacheRecord): string {
  const text = JSON.stringify(record)
  return sha256(text) + text
}

/** The record of a stored text; null where the text is not what was stored. */
export function unseal(value: string): CacheRecord | null {
  const text = value.slice(64)
  return value.slice(0, 64) === sha256(text) ? (JSON.parse(text) as CacheRecord) : null
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

/** LMDB's codes for a file that is not as it should be: page not found, corrupted, invalid, version mismatch. */
const CORRUPT = new Set([-30797, -30796, -30793, -30794])

function attempt<T>(folder: string, act: () => T): T {
  try {
    return act()
  } catch (error) {
    throw cacheError(folder, error)
  }
}

async function attemptAsync(folder: string, act: () => Promise<unknown>): Promise<void> {
  try {
    await act()
  } catch (error) {
    const { commitError } = error as { commitError?: Promise<unknown> }
    throw cacheError(folder, commitError ? await commitError.catch((cause: unknown) => cause) : error)
  }
}

function cacheError(folder: string, error: unknown): Error {
  if (error instanceof CacheError || !(error instanceof Error)) return error as Error
  const { code } = error as { code?: string | number }
  const options = { cause: error }
  if (typeof code === 'number' && CORRUPT.has(code))
    return corruptCache(`the cache in ${folder}`, error.message, options)
  // Anything else without a code, or with another kind of one, is a flaw of this program.
  if (code === undefined) return error
  const fix = 'make it writable, free disk space there, or choose another folder by --cache'
  return new CacheError('cache_unwritable', `the cache in ${folder} cannot be written: ${error.message}`, fix, options)
}
