import { basename } from 'node:path'
import type { CheckOptions } from '../crystal/checks.js'
import { CrystalError } from '../crystal/crystal-error.js'
import { crystalFromCif, hasAtoms } from './cif.js'
import { parseCifSyntax, type CifBlock } from './cif-syntax.js'
import { crystalRow, NO_LABELS, type CrystalRow, type RowOptions } from './crystal-row.js'
import { parseCrystal } from './crystals-jsonl.js'
import { extxyzRows, looksLikeExtxyz } from './extxyz.js'
import { isMp20Header, mp20Rows, parseMp20Row } from './mp20-csv.js'
import { looksLikePoscar, parsePoscar } from './poscar.js'
import { looksLikePymatgenJson, pymatgenRows } from './pymatgen-json.js'
import { readText, splitLines } from './text-file.js'

export type { CrystalRow } from './crystal-row.js'

export const CRYSTAL_FORMATS = ['auto', 'jsonl', 'mp20-csv', 'cif', 'poscar', 'extxyz', 'pymatgen-json'] as const

/** `auto` tells the format by the file's name, else by how it begins. */
export type CrystalFormat = (typeof CRYSTAL_FORMATS)[number]

type KnownFormat = Exclude<CrystalFormat, 'auto'>

export interface ReadCrystalsOptions extends CheckOptions {
  readonly format?: CrystalFormat | undefined
}

/**
 * The crystals of a file (plain or gzip), in order, one row at a time. A bad row is yielded as an error, never thrown and never left out;
 * `line` is where the row begins, from 1. A crystal that its file does not name is `<file stem>-<line>`, or `<file stem>`
 * where the format has one crystal a file.
 * Throws CrystalError `unreadable_file` or `unknown_format` if the file as a whole cannot be used.
 */
export async function* readCrystals(file: string, options: ReadCrystalsOptions = {}): AsyncGenerator<CrystalRow> {
  const { format = 'auto', maxSites } = options
  const { pieces, format: found } = format === 'auto' ? await detectFormat(file) : { pieces: readText(file), format }
  const stem = basename(file).replace(/(\.(jsonl|json|csv|cif|vasp|poscar|xyz|extxyz))?(\.gz)?$/i, '')
  yield* ROWS[found](pieces, { file, stem, maxSites })
}

interface SourceOptions extends RowOptions {
  /** For messages. */
  readonly file: string
}

type ReadRows = (
  pieces: AsyncIterable<string>,
  options: SourceOptions,
) => AsyncIterable<CrystalRow> | Iterable<CrystalRow>

const ROWS: Readonly<Record<KnownFormat, ReadRows>> = {
  jsonl: jsonlRows,
  'mp20-csv': csvRows,
  cif: wholeText(cifRows),
  poscar: wholeText((text, options) => [crystalRow(1, () => poscarCrystal(text, options))]),
  extxyz: wholeText(extxyzRows),
  'pymatgen-json': wholeText(pymatgenRows),
}

/** Reader of a format whose crystals take many lines each. */
function wholeText(rows: (text: string, options: RowOptions) => Iterable<CrystalRow>): ReadRows {
  return async function* (pieces, options) {
    const parts: string[] = []
    let length = 0
    for await (const piece of pieces) {
      length += piece.length
      if (length > MAX_TEXT_CHARACTERS) {
        const fix = 'split the file, or convert it to Crystals JSONL'
        throw new CrystalError(
          'unreadable_file',
          `${options.file} is longer than ${MAX_TEXT_CHARACTERS} characters`,
          fix,
        )
      }
      parts.push(piece)
    }
    yield* rows(parts.join(''), options)
  }
}

/** Longest text that is read as a whole. */
const MAX_TEXT_CHARACTERS = 256 * 1024 * 1024

async function* jsonlRows(pieces: AsyncIterable<string>, { file, stem, maxSites }: SourceOptions) {
  for await (const { line, text } of splitLines(pieces, file)) {
    yield crystalRow(
      line,
      () => parseCrystal(text, { maxSites, defaultId: `${stem}-${line}` }),
      () => statedId(text),
    )
  }
}

async function* csvRows(pieces: AsyncIterable<string>, { file, stem, maxSites }: SourceOptions) {
  for await (const row of mp20Rows(pieces, file)) {
    if ('error' in row) {
      yield row
      continue
    }
    const { line, fields } = row
    yield crystalRow(
      line,
      () => parseMp20Row(fields, { maxSites, defaultId: `${stem}-${line}` }),
      () => fields.material_id,
    )
  }
}

function* cifRows(text: string, { stem, maxSites }: RowOptions): Generator<CrystalRow> {
  let blocks: CifBlock[]
  try {
    blocks = parseCifSyntax(text)
  } catch (error) {
    if (!(error instanceof CrystalError)) throw error
    yield { line: 1, error }
    return
  }
  for (const block of blocks.filter(hasAtoms)) {
    const id = block.name === '' ? `${stem}-${block.line}` : block.name
    yield crystalRow(
      block.line,
      () => ({ ...crystalFromCif(block, { maxSites }), id }),
      () => id,
    )
  }
}

function poscarCrystal(text: string, { stem, maxSites }: RowOptions) {
  const structure = parsePoscar(text, { maxSites })
  return { id: stem, structure, spaceGroup: null, labels: NO_LABELS, extra: {} }
}

/** Formats by the end of a file's name; `json` is told by what is in it. */
const EXTENSIONS: Readonly<Record<string, KnownFormat>> = {
  jsonl: 'jsonl',
  csv: 'mp20-csv',
  cif: 'cif',
  vasp: 'poscar',
  poscar: 'poscar',
  extxyz: 'extxyz',
  xyz: 'extxyz',
}

/** The format of a file, and its pieces from the start. */
async function detectFormat(file: string): Promise<{ format: KnownFormat; pieces: AsyncIterable<string> }> {
  const pieces = readText(file)
  const extension = /\.([a-z]+)(\.gz)?$/i.exec(file)?.[1].toLowerCase() ?? ''
  if (Object.hasOwn(EXTENSIONS, extension)) return { format: EXTENSIONS[extension], pieces }
  let start = ''
  for (let next = await pieces.next(); !next.done; next = await pieces.next()) {
    start += next.value
    if (start.trimStart().split('\n', SNIFFED_LINES + 1).length > SNIFFED_LINES) break
    if (start.length > MAX_SNIFFED_CHARACTERS) break
  }
  const format = formatOf(start)
  if (format !== null) return { format, pieces: joined(start, pieces) }
  await pieces.return(undefined)
  const fix = `give one of ${CRYSTAL_FORMATS.slice(1).join(', ')}, and state which if neither name nor content says`
  throw new CrystalError('unknown_format', `cannot tell the format of ${file}`, fix)
}

/** How far `auto` looks: lines, and the end of the last of them at most so far. */
const SNIFFED_LINES = 8
const MAX_SNIFFED_CHARACTERS = 1 << 20

/** The format of a text by its first lines. */
function formatOf(start: string): KnownFormat | null {
  const lines = start.replace(/^\uFEFF/, '').split(/\r\n|\n/)
  if (looksLikePoscar(lines)) return 'poscar'
  const text = start.trimStart()
  const [firstLine = ''] = text.split('\n', 1)
  if (looksLikePymatgenJson(text)) return 'pymatgen-json'
  if (firstLine.startsWith('{')) return 'jsonl'
  if (isMp20Header(firstLine.trimEnd())) return 'mp20-csv'
  if (looksLikeExtxyz(text.split(/\r\n|\n/))) return 'extxyz'
  if (/^(\s*#.*\n|\s)*data_/i.test(text)) return 'cif'
  return null
}

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
