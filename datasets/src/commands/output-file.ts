import { createWriteStream } from 'node:fs'
import { mkdir, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGzip } from 'node:zlib'

/**
 * Writes lines to a file, gzip if its name ends in `.gz`, under a temporary name until all of them are there. An abort,
 * or an error of the lines, leaves nothing behind.
 */
export async function writeLines(
  file: string,
  lines: Iterable<string> | AsyncIterable<string>,
  signal: AbortSignal,
): Promise<void> {
  const temporary = `${file}.partial-${process.pid}`
  const text = async function* () {
    for await (const line of lines) yield `${line}\n`
  }
  await mkdir(dirname(file), { recursive: true })
  try {
    const destination = createWriteStream(temporary)
    if (file.endsWith('.gz')) await pipeline(Readable.from(text()), createGzip(), destination, { signal })
    else await pipeline(Readable.from(text()), destination, { signal })
    await rename(temporary, file)
  } catch (error) {
    await rm(temporary, { force: true })
    signal.throwIfAborted()
    throw error
  }
}
