import { CrystalError } from '../crystal/crystal-error.js'

/** A value of a CIF; null for the unquoted `?` (unknown) and `.` (not applicable). */
export type CifValue = string | null

/** One `data_` block. */
export interface CifBlock {
  readonly name: string
  /** Line of `data_NAME`, from 1. */
  readonly line: number
  /**
   * Values of each tag in order; one value for a tag outside a loop. Tags in lower case with `.` as `_`, so that those of the
   * older and the newer dictionaries agree: `_cell_length_a`.
   */
  readonly columns: ReadonlyMap<string, readonly CifValue[]>
}

interface Token {
  readonly text: string
  readonly line: number
  /** Quoted texts are always values. */
  readonly quoted: boolean
}

/**
 * The blocks of a CIF 1.1 text (International Tables G, 2.2): comments, quoted and `;` texts, loops. Throws CrystalError
 * `unparsable`, saying the line.
 */
export function parseCifSyntax(text: string): CifBlock[] {
  const blocks: { name: string; line: number; columns: Map<string, CifValue[]> }[] = []
  const tokens = tokenize(text)
  let next = tokens.next()
  const advance = (): void => void (next = tokens.next())

  while (!next.done) {
    const token = next.value
    const keyword = token.quoted ? '' : token.text.toLowerCase()
    advance()
    if (keyword.startsWith('data_')) {
      blocks.push({ name: token.text.slice(5), line: token.line, columns: new Map() })
      continue
    }
    const columns = blocks.at(-1)?.columns
    if (columns === undefined) throw syntaxError(token.line, `${token.text} before the first data_ block`)
    if (keyword === 'loop_') {
      readLoop(token.line, columns)
    } else if (keyword.startsWith('_')) {
      if (next.done || !isValue(next.value)) throw syntaxError(token.line, `${token.text} has no value`)
      addColumn(columns, keyword, [valueOf(next.value)], token.line)
      advance()
    } else {
      throw syntaxError(token.line, `${token.text.slice(0, 40)} stands where a tag, loop_ or data_ is expected`)
    }
  }
  return blocks

  function readLoop(line: number, columns: Map<string, CifValue[]>): void {
    const tags: string[] = []
    for (; !next.done && isTag(next.value); advance()) tags.push(next.value.text.toLowerCase())
    const values: CifValue[] = []
    for (; !next.done && isValue(next.value); advance()) values.push(valueOf(next.value))
    if (tags.length === 0) throw syntaxError(line, 'loop_ without tags')
    if (values.length % tags.length !== 0) {
      throw syntaxError(line, `loop_ has ${values.length} values for ${tags.length} tags, not a multiple`)
    }
    tags.forEach((tag, k) => {
      const column = values.filter((_, i) => i % tags.length === k)
      addColumn(columns, tag, column, line)
    })
  }
}

function addColumn(columns: Map<string, CifValue[]>, tag: string, values: CifValue[], line: number): void {
  const key = tag.replaceAll('.', '_')
  if (columns.has(key)) throw syntaxError(line, `${tag} is given twice in one block`)
  columns.set(key, values)
}

const isTag = (token: Token): boolean => !token.quoted && token.text.startsWith('_')

const isValue = (token: Token): boolean => token.quoted || !/^(_|loop_$|data_|save_|stop_$|global_$)/i.test(token.text)

const valueOf = ({ text, quoted }: Token): CifValue => (!quoted && (text === '?' || text === '.') ? null : text)

function* tokenize(text: string): Generator<Token, undefined> {
  const lines = text.replace(/^\uFEFF/, '').split(/\r\n|\n|\r/)
  for (let i = 0; i < lines.length; i++) {
    if (lines[i].startsWith(';')) {
      const start = i++
      while (i < lines.length && !lines[i].startsWith(';')) i++
      if (i === lines.length) throw syntaxError(start + 1, 'a text that begins with ; has no closing ;')
      yield { text: [lines[start].slice(1), ...lines.slice(start + 1, i)].join('\n'), line: start + 1, quoted: true }
      yield* tokenizeLine(lines[i].slice(1), i + 1)
    } else {
      yield* tokenizeLine(lines[i], i + 1)
    }
  }
}

function* tokenizeLine(text: string, line: number): Generator<Token, undefined> {
  // A quote closes only before a blank or the end: 'it's one text'.
  const pattern = /\s+|#.*|'(.*?)'(?=\s|$)|"(.*?)"(?=\s|$)|([^\s'"#]\S*)|(.)/gy
  for (const [, single, double, bare, stray] of text.matchAll(pattern)) {
    if (stray !== undefined) throw syntaxError(line, `the ${stray} has no closing ${stray}`)
    const quoted = single ?? double
    if (quoted !== undefined) yield { text: quoted, line, quoted: true }
    else if (bare !== undefined) yield { text: bare, line, quoted: false }
  }
}

function syntaxError(line: number, what: string): CrystalError {
  return new CrystalError('unparsable', `CIF line ${line}: ${what}`, 'mend the CIF there')
}
