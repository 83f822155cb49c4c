import { createReadStream } from 'node:fs'
import { rename, rm, writeFile } from 'node:fs/promises'
import { pipeline } from 'node:stream'
import { createGunzip, gzipSync } from 'node:zlib'
import { CrystalError } from '../crystal/crystal-error.js'

/** Longest line that a file may have; one without line ends is no text. */
export const MAX_LINE_CHARACTERS = 64 * 1024 * 1024

/** Name of standard input as a file. */
export const STDIN = '-'

/**
 * Pieces of a UTF-8 text file in order, unpacked if it is gzip (told by its first bytes, whatever its name); `-` is standard input.
 * Throws CrystalError `unreadable_file`.
 */
export async function* readText(file: string): AsyncGenerator<string> {
  const decoder = new TextDecoder()
  try {
    for await (const chunk of unpacked(file)) yield decoder.decode(chunk, { stream: true })
    yield decoder.decode()
  } catch (error) {
    throw unreadable(file, error as NodeJS.ErrnoException)
  }
}

/** Lines of a text file without their ends, blank ones left out; `line` counts from 1. Throws as `readText` does. */
export async function* readLines(file: string): AsyncGenerator<{ line: number; text: string }> {
  yield* splitLines(readText(file), file)
}

/** Lines of pieces of text, as `readLines`; `file` is for messages. */
export async function* splitLines(
  pieces: AsyncIterable<string>,
  file: string,
): AsyncGenerator<{ line: number; text: string }> {
  let line = 0
  let rest = ''
  for await (const piece of pieces) {
    const lines = (rest + piece).split('\n')
    rest = lines.pop() ?? ''
    if (rest.length > MAX_LINE_CHARACTERS) {
      const what = `${file}:${line + lines.length + 1}: the line is longer than ${MAX_LINE_CHARACTERS} characters`
      throw new CrystalError('unreadable_file', what, 'give a text file with one record a line')
    }
    for (const text of lines) {
      line++
      if (text.trim() !== '') yield { line, text }
    }
  }
  if (rest.trim() !== '') yield { line: line + 1, text: rest }
}

/** Writes a text file, gzip if its name ends in `.gz`, under a temporary name first so that no half file is ever seen. */
export async function writeText(file: string, text: string): Promise<void> {
  const temporary = `${file}.${process.pid}.tmp`
  try {
    await writeFile(temporary, file.endsWith('.gz') ? gzipSync(text) : text)
    await rename(temporary, file)
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
}

/** The bytes of a file, without gzip around them. */
async function* unpacked(file: string): AsyncGenerator<Buffer> {
  const source: AsyncIterable<Buffer> =
    file === STDIN ? process.stdin : createReadStream(file, { highWaterMark: 1 << 18 })
  const chunks = source[Symbol.asyncIterator]()
  const first = await chunks.next()
  if (first.done) return
  const all = chain(first.value, chunks)
  const isGzip = first.value[0] === 0x1f && first.value[1] === 0x8b
  if (!isGzip) return yield* all
  const gunzip = createGunzip()
  // An error on either side destroys `gunzip` with it, and so reaches the loop below.
  pipeline(all, gunzip, () => {})
  yield* gunzip as AsyncIterable<Buffer>
}

async function* chain<T>(first: T, rest: AsyncIterator<T>): AsyncGenerator<T> {
  yield first
  yield* { [Symbol.asyncIterator]: () => rest }
}

function unreadable(file: string, error: NodeJS.ErrnoException): CrystalError {
  const name = file === STDIN ? 'standard input' : file
  const fixes: Record<string, string> = {
    ENOENT: 'check the path: there is no such file',
    EISDIR: 'name a file: this is a folder',
    EACCES: 'make the file readable',
    Z_BUF_ERROR: 'copy the file again: its packed data end early',
    Z_DATA_ERROR: 'copy the file again: its packed data are damaged',
  }
  const fix = fixes[error.code ?? ''] ?? 'make sure that the file exists and is readable'
  return new CrystalError('unreadable_file', `cannot read ${name}: ${error.message}`, fix)
}
