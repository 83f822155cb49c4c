import { CrystalError, UNFILLED, parseSpecies, quote, readLines, requireElement } from '@unitcell/datasets'
import type { GeneratedCrystal } from './score.js'

/**
 * One generated crystal as an agent writes it: `generated_species` (N element symbols, null on a site left unfilled) and
 * `true_species` (N symbols; null or absent where the truth is not known). Other fields are not looked at.
 * Throws CrystalError `unparsable`, `unknown_element`, `partial_occupancy` or `no_sites`.
 */
export function parseGenerated(record: unknown): GeneratedCrystal {
  if (typeof record !== 'object' || record === null || Array.isArray(record)) {
    throw new CrystalError('unparsable', `the record is ${quote(record)}`, 'write one JSON object a line')
  }
  const { generated_species, true_species } = record as Record<string, unknown>
  const generatedSpecies = parseGeneratedSpecies(generated_species)
  const trueSpecies =
    true_species === undefined || true_species === null ? null : parseSpecies(true_species, 'true_species')
  if (trueSpecies !== null && trueSpecies.length !== generatedSpecies.length) {
    const what = `generated_species has ${generatedSpecies.length} sites, true_species ${trueSpecies.length}`
    throw new CrystalError('unparsable', what, 'give both for the same sites in the same order', 'generated_species')
  }
  return { generatedSpecies, trueSpecies }
}

/**
 * The generated crystals of a JSON Lines file, plain or gzip, `-` for standard input. Throws CrystalError at the first line that cannot
 * be read, saying file and line.
 */
export async function* readGenerated(file: string): AsyncGenerator<GeneratedCrystal> {
  for await (const { line, text } of readLines(file)) {
    let generated: GeneratedCrystal
    try {
      generated = parseGenerated(parseJson(text))
    } catch (error) {
      if (!(error instanceof CrystalError)) throw error
      throw error.at(file === '-' ? 'standard input' : file, line)
    }
    yield generated
  }
}

function parseGeneratedSpecies(value: unknown): Uint8Array {
  const field = 'generated_species'
  if (!Array.isArray(value)) {
    const fix = 'write a list of element symbols, null on an unfilled site'
    throw new CrystalError('unparsable', `${field} is ${quote(value)}`, fix, field)
  }
  if (value.length === 0) {
    throw new CrystalError('no_sites', `${field} is empty`, 'leave crystals without sites out', field)
  }
  return Uint8Array.from(value, (symbol, site) =>
    symbol === null ? UNFILLED : requireElement(symbol, `${field}[${site}]`),
  )
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new CrystalError(
      'unparsable',
      `the line is not JSON: ${(error as Error).message}`,
      'write one JSON object a line',
    )
  }
}
