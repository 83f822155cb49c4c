import { parse } from 'csv-parse'
import type { CheckOptions } from '../crystal/checks.js'
import { CrystalError, quote } from '../crystal/crystal-error.js'
import type { Crystal } from '../crystal/structure.js'
import { parseCif } from './cif.js'
import { parseSpaceGroup } from './crystals-jsonl.js'

/** The column that makes a CSV file one of the MP-20 layout. */
export const CIF_COLUMN = 'cif'

/** One row by column name; blank and `nan` cells are null. */
export type Mp20Row = Readonly<Record<string, string | null>>

export interface ParseMp20Options extends CheckOptions {
  /** Id of a row without a `material_id`. */
  readonly defaultId?: string
}

/**
 * One row of the MP-20 CSV layout (CDVAE): structure from `cif`, id from `material_id`, `spacegroup.number`, and the
 * labels `band_gap` (eV), `formation_energy_per_atom` (eV) and, where the column exists, `total_energy_ry`. The nameless first
 * column goes into `extra.row`, every other one into `extra` under its own name. Throws CrystalError.
 */
export function parseMp20Row(fields: Mp20Row, options: ParseMp20Options = {}): Crystal {
  const {
    '': row = null,
    material_id = null,
    cif = null,
    'spacegroup.number': spaceGroup = null,
    band_gap = null,
    formation_energy_per_atom = null,
    total_energy_ry = null,
    ...others
  } = fields
  const id = material_id ?? options.defaultId
  if (id === undefined) {
    throw new CrystalError('unparsable', 'material_id is blank', 'give every row an id', 'material_id')
  }
  if (cif === null) throw new CrystalError('unparsable', 'cif is blank', 'give the CIF of the crystal', 'cif')
  const crystals = parseCif(cif, options)
  if (crystals.length > 1) {
    const what = `cif holds ${crystals.length} crystals`
    throw new CrystalError('unparsable', what, 'put one crystal on each row', 'cif')
  }
  return {
    id,
    structure: crystals[0].structure,
    spaceGroup: parseSpaceGroup(parseNumber(spaceGroup, 'spacegroup.number'), 'spacegroup.number'),
    labels: {
      totalEnergyRy: parseNumber(total_energy_ry, 'total_energy_ry'),
      bandGapEv: parseNumber(band_gap, 'band_gap'),
      formationEnergyEvPerAtom: parseNumber(formation_energy_per_atom, 'formation_energy_per_atom'),
    },
    extra: {
      ...(row !== null && { row: parseNumber(row, 'the nameless first column') }),
      ...others,
      ...('e_above_hull' in others && { e_above_hull: parseNumber(others.e_above_hull, 'e_above_hull') }),
    },
  }
}

/** A row of fields, or why the row cannot be read; `line` is where it begins, from 1. */
export type Mp20RowResult = { line: number; fields: Mp20Row } | { line: number; error: CrystalError }

/**
 * The rows of CSV text of the MP-20 layout. A row of the wrong width is an error in its place, and so are broken quotes; after these
 * the rows cannot be told apart, and the iteration ends. Throws CrystalError `unknown_format` if there is no `cif` column;
 * `file` is for that message.
 */
export async function* mp20Rows(pieces: AsyncIterable<string>, file: string): AsyncGenerator<Mp20RowResult> {
  let header: readonly string[] | null = null
  let line = 1
  for await (const record of csvRecords(pieces)) {
    if ('failure' in record) {
      const what = `the CSV cannot be read from here on: ${record.failure}`
      const error = new CrystalError('unparsable', what, 'close every quote, and double the quotes inside quotes')
      if (header === null) throw unknownCsv(file)
      yield { line, error }
      return
    }
    if (header === null) {
      header = record.cells
      if (!header.includes(CIF_COLUMN)) throw unknownCsv(file)
    } else {
      yield readRow(header, record.cells, line)
    }
    line = record.lastLine + 1
  }
  if (header === null) throw unknownCsv(file)
}

/** Whether the first line of a file is the header of the MP-20 layout. */
export function isMp20Header(line: string): boolean {
  return line
    .replace(/^\uFEFF/, '')
    .split(',')
    .some((name) => name.trim().replace(/^"(.*)"$/, '$1') === CIF_COLUMN)
}

function readRow(header: readonly string[], cells: readonly string[], line: number): Mp20RowResult {
  if (cells.length !== header.length) {
    const what = `the row has ${cells.length} cells, the header ${header.length}`
    return { line, error: new CrystalError('unparsable', what, 'give a cell for each column') }
  }
  const fields = header.map((name, i) => [name, /^\s*(nan)?\s*$/i.test(cells[i]) ? null : cells[i]])
  return { line, fields: Object.fromEntries(fields) as Mp20Row }
}

function unknownCsv(file: string): CrystalError {
  const what = `${file} is no CSV of the MP-20 layout: its header has no column "${CIF_COLUMN}"`
  return new CrystalError('unknown_format', what, 'give a CSV with the columns material_id, cif, band_gap, ...')
}

type CsvRecord = { readonly cells: readonly string[]; readonly lastLine: number } | { readonly failure: string }

/** Records in order, then, if the text breaks the rules of CSV, what was wrong. */
async function* csvRecords(pieces: AsyncIterable<string>): AsyncGenerator<CsvRecord> {
  let records: CsvRecord[] = []
  const parser = parse({
    bom: true,
    relax_column_count: true,
    skip_empty_lines: true,
    // Records are taken here, not from the stream, since a stream that fails drops those it still holds.
    on_record: (cells: string[], { lines }) => {
      records.push({ cells, lastLine: lines })
      return null
    },
  })
  let failure: Error | null = null
  parser.on('error', (error) => (failure = error))
  const taken = (): CsvRecord[] => {
    const batch = records
    records = []
    return batch
  }
  for await (const piece of pieces) {
    await new Promise<void>((resolve) => parser.write(piece, () => resolve()))
    yield* taken()
    if (failure !== null) break
  }
  if (failure === null) await new Promise<void>((resolve) => parser.end(() => resolve()))
  yield* taken()
  if (failure !== null) yield { failure: (failure as Error).message }
}

/** A number, or null where the cell is blank. */
function parseNumber(text: string | null, field: string): number | null {
  if (text === null) return null
  const value = Number(text)
  if (Number.isFinite(value)) return value
  throw new CrystalError('unparsable', `${field} is ${quote(text)}`, 'write a number, or leave the cell blank', field)
}
