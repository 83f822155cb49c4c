import { randomBytes } from 'node:crypto'
import { mkdir, rename, rm } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { OutputFile } from './output-file.js'

/**
 * Lets a job write a file or a folder under a temporary name beside its own, which it gets when the job is done. When the
 * job fails nothing is left; when the process is killed, `path` is as it was before.
 *
 * @param job writes to the path it is given, where nothing is
 */
export async function writeAtomically<T>(path: string, job: (temporary: string) => Promise<T>): Promise<T> {
  const target = resolve(path)
  const temporary = sibling(target, 'partial')
  const retired = sibling(target, 'old')
  await mkdir(dirname(target), { recursive: true })
  try {
    const result = await job(temporary)
    await replace(target, temporary, retired)
    return result
  } finally {
    await rm(temporary, { recursive: true, force: true })
    await rm(retired, { recursive: true, force: true })
  }
}

/** `writeAtomically` for one file. */
export async function writeFileAtomically<T>(path: string, job: (file: OutputFile) => Promise<T>): Promise<T> {
  return writeAtomically(path, async (temporary) => {
    const file = new OutputFile(temporary)
    try {
      const result = await job(file)
      file.finish()
      return result
    } catch (error) {
      file.abandon()
      throw error
    }
  })
}

async function replace(target: string, temporary: string, retired: string): Promise<void> {
  try {
    await rename(temporary, target)
  } catch (error) {
    // A folder cannot take the place of another: that one steps aside first.
    if (!['ENOTEMPTY', 'EEXIST'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error
    await rename(target, retired)
    try {
      await rename(temporary, target)
    } catch (failure) {
      await rename(retired, target)
      throw failure
    }
  }
}

function sibling(target: string, mark: string): string {
  return join(dirname(target), `.${basename(target)}.${mark}-${randomBytes(4).toString('hex')}`)
}
