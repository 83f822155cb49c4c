import { basename } from 'node:path'
import type { CheckOptions } from '../crystal/checks.js'
import { CrystalError } from '../crystal/crystal-error.js'
import type { Crystal } from '../crystal/structure.js'
import { parseCrystal } from './crystals-jsonl.js'
import { isMp20Header, mp20Rows, parseMp20Row } from './mp20-csv.js'
import { readText, splitLines } from './text-file.js'

export const CRYSTAL_FORMATS = ['auto', 'jsonl', 'mp20-csv'] as const

/** `auto` tells the format by the file's name, else by its first line. */
export type CrystalFormat = (typeof CRYSTAL_FORMATS)[number]

export interface ReadCrystalsOptions extends CheckOptions {
  readonly format?: CrystalFormat | undefined
}

/** A crystal, sound as `checkSkeleton` says, or why there is none on that line; `id` where the line states one. */
export type CrystalRow =
  | { readonly line: number; readonly crystal: Crystal }
  | { readonly line: number; readonly error: CrystalError; readonly id?: string }

/**
 * The crystals of a file (plain or gzip), in order, one row at a time. A bad row is yielded as an error, never thrown and never left out;
 * `line` is where the row begins, from 1. A crystal without id is named `<file stem>-<line>`.
 * Throws CrystalError `unreadable_file` or `unknown_format` if the file as a whole cannot be used.
 */
export async function* readCrystals(file: string, options: ReadCrystalsOptions = {}): AsyncGenerator<CrystalRow> {
  const { format = 'auto', maxSites } = options
  const { pieces, format: found } = format === 'auto' ? await detectFormat(file) : { pieces: readText(file), format }
  const stem = basename(file).replace(/(\.jsonl|\.json|\.csv)?(\.gz)?$/i, '')
  const rows = found === 'jsonl' ? splitLines(pieces, file) : mp20Rows(pieces, file)
  for await (const row of rows) {
    if ('error' in row) {
      yield row
      continue
    }
    const { line } = row
    const parseOptions = { maxSites, defaultId: `${stem}-${line}` }
    let result: CrystalRow
    try {
      const crystal = 'text' in row ? parseCrystal(row.text, parseOptions) : parseMp20Row(row.fields, parseOptions)
      result = { line, crystal }
    } catch (error) {
      if (!(error instanceof CrystalError)) throw error
      const id = 'text' in row ? statedId(row.text) : row.fields.material_id
      result = { line, error, ...(typeof id === 'string' && { id }) }
    }
    yield result
  }
}

/** The format of a file, and its pieces from the start. */
async function detectFormat(file: string): Promise<{ format: 'jsonl' | 'mp20-csv'; pieces: AsyncIterable<string> }> {
  const pieces = readText(file)
  const extension = /\.(jsonl|csv)(\.gz)?$/i.exec(file)?.[1].toLowerCase()
  if (extension !== undefined) return { format: extension === 'csv' ? 'mp20-csv' : 'jsonl', pieces }
  let start = ''
  for (let next = await pieces.next(); !next.done; next = await pieces.next()) {
    start += next.value
    if (start.trimStart().includes('\n') || start.length > MAX_SNIFFED_CHARACTERS) break
  }
  const firstLine = start.trimStart().split('\n', 1)[0]
  const again = joined(start, pieces)
  if (firstLine.startsWith('{')) return { format: 'jsonl', pieces: again }
  if (isMp20Header(firstLine.trimEnd())) return { format: 'mp20-csv', pieces: again }
  await pieces.return(undefined)
  const fix = 'give Crystals JSONL or an MP-20 CSV, and state which if its name does not say'
  throw new CrystalError('unknown_format', `cannot tell the format of ${file}`, fix)
}

/** How far `auto` looks for the end of the first line. */
const MAX_SNIFFED_CHARACTERS = 1 << 20

async function* joined(start: string, rest: AsyncIterable<string>): AsyncGenerator<string> {
  yield start
  yield* rest
}

/** The id in a line that is no good otherwise. */
function statedId(text: string): unknown {
  try {
    return (JSON.parse(text) as { id?: unknown } | null)?.id
  } catch {
    return undefined
  }
}
