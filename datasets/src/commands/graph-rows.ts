import { CrystalError, quote } from '../crystal/crystal-error.js'
import { elementIndex, SYMBOLS } from '../crystal/elements.js'
import type { Crystal } from '../crystal/structure.js'
import { parseCrystal } from '../formats/crystals-jsonl.js'
import type { CrystalFormat } from '../formats/read-crystals.js'
import { readCrystals } from '../formats/read-crystals.js'
import { readLines, STDIN } from '../formats/text-file.js'

/** A crystal whose graph is wanted. */
export interface GraphRow {
  readonly line: number
  /** Its species are those of `symbols`, or stand-ins for them, a different one for each. */
  readonly crystal: Crystal
  readonly symbols: readonly string[]
}

/** A line of `OUT.rejected.jsonl`. */
export interface RejectedLine {
  readonly line: number
  readonly id: string | null
  readonly code: string
  readonly reason: string
}

export interface ReadGraphRowsOptions {
  readonly format: CrystalFormat
  readonly maxSites: number
  readonly signal: AbortSignal
}

/** The elements that are not among the 88. */
const otherElements = new Set(
  'Ar Po At Rn Fr Ra Am Cm Bk Cf Es Fm Md No Lr Rf Db Sg Bh Hs Mt Ds Rg Cn Nh Fl Mc Lv Ts Og'.split(' '),
)

/**
 * The crystals of a file. Neither a graph nor a space group asks which elements there are, only which sites have the
 * same; so lines of Crystals JSONL with elements beyond the 88 are accepted too (not from standard input, which cannot
 * be read again).
 *
 * @throws {CrystalError} as `readCrystals`
 */
export async function readGraphRows(
  file: string,
  { format, maxSites, signal }: ReadGraphRowsOptions,
): Promise<{ rows: GraphRow[]; rejected: RejectedLine[] }> {
  const rows: GraphRow[] = []
  const rejected: RejectedLine[] = []
  for await (const row of readCrystals(file, { format, maxSites })) {
    signal.throwIfAborted()
    if ('crystal' in row) {
      const symbols = Array.from(row.crystal.structure.species, (element) => SYMBOLS[element])
      rows.push({ line: row.line, crystal: row.crystal, symbols })
    } else {
      rejected.push({ line: row.line, id: row.id ?? null, code: row.error.code, reason: row.error.message })
    }
  }
  const lines = new Map(rejected.filter(({ code }) => code === 'unknown_element').map((row) => [row.line, row]))
  if (lines.size === 0 || file === STDIN) return { rows, rejected }
  for await (const { line, text } of readLines(file)) {
    signal.throwIfAborted()
    const refused = lines.get(line)
    if (!refused) continue
    const at = rejected.indexOf(refused)
    try {
      rows.push(withStandIns(line, text, maxSites))
      rejected.splice(at, 1)
    } catch (error) {
      // Anything but a CrystalError: the line is not Crystals JSONL, and what was said of it stands.
      if (error instanceof CrystalError) rejected[at] = { ...refused, code: error.code, reason: error.message }
    }
  }
  return { rows: rows.sort((a, b) => a.line - b.line), rejected }
}

/**
 * The crystal of a line of Crystals JSONL with any elements of the periodic table.
 *
 * @throws {CrystalError} as `parseCrystal`
 */
function withStandIns(line: number, text: string, maxSites: number): GraphRow {
  const record = JSON.parse(text) as { species: unknown[] }
  const standIns = new Map<unknown, string>()
  const species = record.species.map((symbol, site) => {
    if (!isElement(symbol)) {
      const what = `species[${site}]: ${quote(symbol)} is not an element`
      throw new CrystalError('unknown_element', what, 'use the symbols of the periodic table, spelled as in "Fe"')
    }
    if (!standIns.has(symbol)) standIns.set(symbol, SYMBOLS[standIns.size])
    return standIns.get(symbol)
  })
  const crystal = parseCrystal({ ...record, species }, { maxSites, defaultId: `line-${line}` })
  return { line, crystal, symbols: record.species as string[] }
}

function isElement(symbol: unknown): boolean {
  return typeof symbol === 'string' && (elementIndex(symbol) !== undefined || otherElements.has(symbol))
}
