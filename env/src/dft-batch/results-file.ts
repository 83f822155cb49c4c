import { constants } from 'node:fs'
import { mkdir, open, type FileHandle } from 'node:fs/promises'
import { dirname } from 'node:path'
import { DftError } from '../dft/index.js'
import { dftRecordSchema, type DftRecord } from './record.js'

/**
 * Results, a line of JSON each, in the order in which they were known. A result is on the disk before the next run of
 * its slot starts, so a batch that ends in any way goes on where it stopped. Of two lines of one id the later counts.
 */
export class ResultsFile {
  private appending: Promise<void> = Promise.resolve()

  private constructor(
    readonly path: string,
    private readonly handle: FileHandle,
    /** What was there when the file was opened. */
    readonly records: ReadonlyMap<string, DftRecord>,
  ) {}

  /**
   * Opens a file of results, or begins one. A last line that was cut off, as by a power failure, is removed.
   *
   * @throws DftError `bad_results_file` where it holds anything else
   */
  static async open(path: string): Promise<ResultsFile> {
    await mkdir(dirname(path), { recursive: true })
    const handle = await open(path, constants.O_RDWR | constants.O_CREAT)
    try {
      const content = await handle.readFile()
      const end = content.lastIndexOf(0x0a) + 1
      const records = parse(content.toString('utf8', 0, end), path)
      await handle.truncate(end)
      return new ResultsFile(path, handle, records)
    } catch (error) {
      await handle.close()
      throw error
    }
  }

  /** Resolves once the line is on the disk. */
  async append(record: DftRecord): Promise<void> {
    const line = `${JSON.stringify(record)}\n`
    const written = this.appending.then(async () => {
      const { size } = await this.handle.stat()
      await this.handle.write(line, size)
      await this.handle.datasync()
    })
    this.appending = written.catch(() => undefined)
    return written
  }

  async close(): Promise<void> {
    await this.appending
    await this.handle.close()
  }
}

function parse(text: string, path: string): Map<string, DftRecord> {
  const records = new Map<string, DftRecord>()
  for (const [i, line] of text.split('\n').entries()) {
    if (line.trim() === '') continue
    const parsed = dftRecordSchema.safeParse(jsonOrUndefined(line))
    if (!parsed.success) {
      const hint = 'name a file that `unitcell-env dft` made, or a new one'
      throw new DftError('bad_results_file', `${path}:${i + 1} is no result of a calculation (${hint})`)
    }
    records.set(parsed.data.id, parsed.data)
  }
  return records
}

function jsonOrUndefined(line: string): unknown {
  try {
    return JSON.parse(line) as unknown
  } catch {
    return undefined
  }
}
