import { CrystalError, quote } from '../crystal/crystal-error.js'

/** A value and the line on which it begins, from 1; `last`: nothing follows it. */
export type JsonValue =
  | { readonly line: number; readonly value: unknown; readonly last: boolean }
  | { readonly line: number; readonly error: CrystalError }

/**
 * The values of a text of JSON: one value, the members of one list, or one value after another (JSON lines). A broken
 * value is an error in its place, and the next ones are read nevertheless, as long as brackets match.
 */
export function* jsonValues(text: string): Generator<JsonValue> {
  let previous: { line: number; text: string } | undefined
  for (const piece of pieces(text.replace(/^\uFEFF/, ''))) {
    if (previous) yield parsed(previous, false)
    previous = piece
  }
  if (previous) yield parsed(previous, true)
}

/** Texts of the values: outermost, or one level down where the outermost is a list. */
function* pieces(text: string): Generator<{ line: number; text: string }> {
  let [line, depth, outer] = [1, 0, 0]
  let start: { at: number; line: number } | null = null
  for (let i = 0; i < text.length; i++) {
    const character = text[i]
    if (character === '\n') line++
    const isOpening = character === '{' || character === '['
    const isClosing = character === '}' || character === ']'
    // A list that holds the values, not a value itself.
    if (start === null && depth === 0 && character === '[') {
      depth = outer = 1
      continue
    }
    const isEnd = depth === outer && (isClosing || /[\s,]/.test(character))
    if (start !== null && isEnd) {
      yield { line: start.line, text: text.slice(start.at, i) }
      start = null
    }
    if (start === null && depth === outer && !isClosing && !/[\s,]/.test(character)) start = { at: i, line }
    if (character === '"') {
      for (i++; i < text.length && text[i] !== '"'; i++) if (text[i] === '\\') i++
    } else if (isOpening) {
      depth++
    } else if (isClosing) {
      depth = Math.max(depth - 1, 0)
      if (depth < outer) outer = 0
    }
  }
  if (start !== null) yield { line: start.line, text: text.slice(start.at) }
}

function parsed({ line, text }: { line: number; text: string }, last: boolean): JsonValue {
  try {
    return { line, value: JSON.parse(text) as unknown, last }
  } catch (error) {
    const what = `${quote(text)} is not JSON: ${(error as Error).message}`
    return { line, error: new CrystalError('unparsable', what, 'mend the JSON there') }
  }
}
