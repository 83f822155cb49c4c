import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { Command } from 'commander'
import type { Composition } from '../crystal/composition.js'
import { compositionOf, parseComposition, parseSpecies } from '../crystal/composition.js'
import { CrystalError } from '../crystal/crystal-error.js'
import { reasonText, validity } from '../crystal/validity.js'
import { readLines } from '../formats/text-file.js'
import { DataSetError } from '../store/data-set-error.js'
import { writeLines } from './output-file.js'
import { interruptible } from '../program.js'

export function validityCommand(): Command {
  return new Command('validity')
    .description('test compositions by the SMACT oxidation states: a JSON line in, a JSON line out')
    .argument('<file>', 'lines with `composition` (element -> count) or `species`, plain or gz; - is standard input')
    .option('--out <file>', 'file to write instead of standard output; gzip if its name ends in .gz')
    .action(runValidity)
}

async function runValidity(file: string, { out }: { out?: string }): Promise<void> {
  let badLines = 0
  const answers = async function* () {
    for await (const { line, text } of readLines(file)) {
      const answer = validityRecord(line, text)
      if (answer.valid === null) badLines++
      yield JSON.stringify(answer)
    }
  }
  if (out === undefined) await pipeline(Readable.from(inChunks(answers())), process.stdout, { end: false })
  else await interruptible((signal) => writeLines(out, answers(), signal))
  if (badLines > 0) {
    const what = `${badLines} lines of ${file} could not be tested`
    throw new DataSetError('bad_argument', what, 'their `error` says why; `valid` is null')
  }
}

type ValidityRecord = { id: unknown; line?: never } | { line: number; id?: never }

/** The answer to one line, by its `id` or else by its number. */
export function validityRecord(
  line: number,
  text: string,
): ValidityRecord & ({ valid: boolean; reason: string | null } | { valid: null; error: string }) {
  try {
    const { id, composition } = parseLine(text)
    const result = validity(composition)
    const name = id === undefined || id === null ? { line } : { id }
    return { ...name, valid: result.valid, reason: reasonText(result) }
  } catch (error) {
    if (!(error instanceof CrystalError)) throw error
    return { line, valid: null, error: `${error.code}: ${error.message}` }
  }
}

function parseLine(text: string): { id: unknown; composition: Composition } {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw new CrystalError('unparsable', `not JSON: ${(error as Error).message}`, 'write one JSON object a line')
  }
  const { id, composition, species } = (value ?? {}) as Record<string, unknown>
  if (composition !== undefined) return { id, composition: parseComposition(composition) }
  if (species === undefined) {
    throw new CrystalError('unparsable', 'neither composition nor species', 'give {"composition": {"Na": 1, "Cl": 1}}')
  }
  const elements = parseSpecies(species)
  if (elements.length === 0) throw new CrystalError('no_sites', 'species is empty', 'name at least one element')
  return { id, composition: compositionOf(elements) }
}

/** Lines with their ends, joined to pieces worth a write each. */
async function* inChunks(lines: AsyncIterable<string>): AsyncGenerator<string> {
  let chunk = ''
  for await (const line of lines) {
    chunk += `${line}\n`
    if (chunk.length < 16_384) continue
    yield chunk
    chunk = ''
  }
  if (chunk !== '') yield chunk
}
