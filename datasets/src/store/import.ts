import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { basename } from 'node:path'
import type { CrystalFormat } from '../formats/read-crystals.js'
import { readCrystals } from '../formats/read-crystals.js'
import type { CompiledDataSet, CompileOptions, RejectedRow, SourceRow } from './compile.js'
import { compileDataSet } from './compile.js'
import type { Manifest } from './manifest.js'

export interface ImportSource {
  readonly split: string
  /** A file of crystals, plain or gz. */
  readonly file: string
}

export interface ImportOptions extends Omit<CompileOptions, 'splits' | 'sources'> {
  /** Several sources of one split follow each other in it. */
  readonly sources: readonly ImportSource[]
  readonly format: CrystalFormat
}

/**
 * Reads files of crystals and compiles a data set of them, rows in the order of the files. Rows that cannot be used
 * are listed in its `rejected.jsonl`, not thrown.
 *
 * @throws {CrystalError} `unreadable_file` or `unknown_format`: a file as a whole cannot be used
 * @throws {DataSetError} `worker_failed`
 */
export async function importDataSet({ sources, format, ...options }: ImportOptions): Promise<CompiledDataSet> {
  const rows: SourceRow[] = []
  const rejected: RejectedRow[] = []
  const provenance: Manifest['sources'] = []
  for (const { split, file: path } of sources) {
    const file = basename(path)
    for await (const row of readCrystals(path, { format, maxSites: options.maxSites })) {
      options.signal?.throwIfAborted()
      const place = { file, line: row.line, split }
      if ('crystal' in row) {
        rows.push({ ...place, crystal: row.crystal })
      } else {
        const { code, message } = row.error
        rejected.push({ file, line: row.line, id: row.id ?? null, code, reason: message, split })
      }
    }
    provenance.push({ split, file, ...(await fingerprint(path)) })
  }
  const splits = [...new Set(sources.map(({ split }) => split))]
  return compileDataSet(rows, rejected, { ...options, splits, sources: provenance })
}

async function fingerprint(path: string): Promise<{ bytes: number; sha256: string }> {
  const hash = createHash('sha256')
  let bytes = 0
  for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) {
    hash.update(chunk)
    bytes += chunk.length
  }
  return { bytes, sha256: hash.digest('hex') }
}
