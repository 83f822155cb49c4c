import type { Crystal } from '../crystal/structure.js'
import type { Progress } from '../progress.js'
import { silentProgress } from '../progress.js'
import { transitionCount } from './transition-count.js'
import { DataSetError } from './data-set-error.js'
import type { CellChoice, Manifest, SplitManifest } from './manifest.js'
import {
  dataSetHash,
  labelSetHash,
  MANIFEST_FORMAT,
  MANIFEST_VERSION,
  PROGRAM_VERSION,
  REJECTED_FILE,
  sha256,
} from './manifest.js'
import { prepareAll } from './prepare-all.js'
import type { PreparedCrystal } from './prepared-crystal.js'
import { encodeShard } from './shard-encoder.js'

/** Where a row stands. */
export interface RowPlace {
  readonly split: string
  /** Name of the file, without its folder. */
  readonly file: string
  /** Counts from 1. */
  readonly line: number
}

export interface SourceRow extends RowPlace {
  readonly crystal: Crystal
}

/** A line of `rejected.jsonl`. */
export interface RejectedRow extends RowPlace {
  readonly id: string | null
  readonly code: string
  readonly reason: string
}

export interface CompileOptions {
  readonly name: string
  /** In the order in which the manifest is to list them; a split may stay empty. */
  readonly splits: readonly string[]
  readonly sources: Manifest['sources']
  readonly cell: CellChoice
  readonly maxSites: number
  readonly licence: string | null
  readonly labelSet: Readonly<Record<string, unknown>> | null
  readonly threads?: number
  readonly signal?: AbortSignal
  /** Called once with the number of crystals to compute. */
  readonly onStart?: (total: number) => Progress
}

/** A data set in memory: its manifest and the bytes of the files that the manifest names. */
export interface CompiledDataSet {
  readonly manifest: Manifest
  readonly files: ReadonlyMap<string, Uint8Array>
}

/**
 * Computes cell, graph and symmetry of the rows and packs them, a shard per split, rows in the order given. The same
 * rows give the same bytes, whatever the number of threads.
 *
 * @param rejected rows that were refused while reading; those refused here (an id that was there before, no graph, no
 *   symmetry) are listed with them
 * @throws {DataSetError} `worker_failed`
 */
export async function compileDataSet(
  rows: readonly SourceRow[],
  rejected: readonly RejectedRow[],
  options: CompileOptions,
): Promise<CompiledDataSet> {
  const prepared = new Map<string, PreparedCrystal[]>(options.splits.map((split) => [split, []]))
  const allRejected = [...rejected]
  const unique = withoutDuplicates(rows, allRejected)
  const progress = options.onStart?.(unique.length) ?? silentProgress
  try {
    const { cell, threads, signal } = options
    const outcomes = prepareAll(
      unique.map((row) => row.crystal),
      { cell, skeletonSymmetry: true, trustSpaceGroup: true, ...(threads && { threads }), ...(signal && { signal }) },
    )
    let done = 0
    for await (const outcome of outcomes) {
      const row = unique[done++]
      if ('failure' in outcome) {
        allRejected.push(rejection(row, outcome.failure.code, outcome.failure.reason))
      } else {
        const { structure, ...computed } = outcome.prepared
        prepared.get(row.split)?.push({ ...computed, crystal: { ...row.crystal, structure } })
      }
      progress.update(done)
    }
  } finally {
    progress.stop()
  }
  return pack(prepared, inFileOrder(allRejected, options.sources), options)
}

function withoutDuplicates(rows: readonly SourceRow[], rejected: RejectedRow[]): SourceRow[] {
  const first = new Map<string, SourceRow>()
  return rows.filter((row) => {
    const earlier = first.get(row.crystal.id)
    if (!earlier) {
      first.set(row.crystal.id, row)
      return true
    }
    const { code, message } = new DataSetError(
      'duplicate_id',
      `the id ${JSON.stringify(row.crystal.id)} was taken by ${earlier.file}:${earlier.line}`,
      'give every crystal an id of its own',
    )
    rejected.push(rejection(row, code, message))
    return false
  })
}

function rejection({ file, line, split, crystal }: SourceRow, code: string, reason: string): RejectedRow {
  return { file, line, id: crystal.id, code, reason, split }
}

/** Sorted as the files were read. */
function inFileOrder(rejected: readonly RejectedRow[], sources: Manifest['sources']): RejectedRow[] {
  const position = (row: RejectedRow) =>
    sources.findIndex(({ split, file }) => split === row.split && file === row.file)
  return rejected
    .map((row) => ({ row, source: position(row) }))
    .sort((a, b) => a.source - b.source || a.row.line - b.row.line)
    .map(({ row }) => row)
}

function pack(
  prepared: ReadonlyMap<string, readonly PreparedCrystal[]>,
  rejected: readonly RejectedRow[],
  options: CompileOptions,
): CompiledDataSet {
  const files = new Map<string, Uint8Array>()
  const splits: Record<string, SplitManifest> = {}
  for (const [split, crystals] of prepared) {
    const bytes = encodeShard(crystals)
    const file = `${split}.safetensors`
    files.set(file, bytes)
    splits[split] = { file, bytes: bytes.length, sha256: sha256(bytes), ...counts(crystals) }
  }
  const rejectedBytes = Buffer.from(rejected.map((row) => `${JSON.stringify(row)}\n`).join(''))
  files.set(REJECTED_FILE, rejectedBytes)
  const byCode: Record<string, number> = {}
  for (const { code } of rejected) byCode[code] = (byCode[code] ?? 0) + 1
  const hashed = { splits, label_set_sha256: options.labelSet && labelSetHash(options.labelSet) }
  const manifest: Manifest = {
    format: MANIFEST_FORMAT,
    format_version: MANIFEST_VERSION,
    name: options.name,
    hash: dataSetHash(hashed),
    created_by: { program: 'unitcell-data', version: PROGRAM_VERSION },
    licence: options.licence,
    options: { cell: options.cell, max_sites: options.maxSites },
    sources: options.sources,
    splits,
    rejected: {
      file: REJECTED_FILE,
      bytes: rejectedBytes.length,
      sha256: sha256(rejectedBytes),
      rows: rejected.length,
      by_code: byCode,
    },
    label_set_sha256: hashed.label_set_sha256,
    label_set: options.labelSet,
  }
  return { manifest, files }
}

function counts(crystals: readonly PreparedCrystal[]) {
  let [sites, edges, transitions, disconnected] = [0, 0, 0, 0]
  for (const { crystal, graph, connected } of crystals) {
    const siteCount = crystal.structure.species.length
    sites += siteCount
    edges += graph.distances.length
    transitions += transitionCount(siteCount, connected)
    if (!connected) disconnected++
  }
  return { crystals: crystals.length, sites, edges, transitions, disconnected }
}
