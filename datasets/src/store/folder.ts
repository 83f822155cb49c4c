import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import type { CompiledDataSet } from './compile.js'
import { DataSetError } from './data-set-error.js'
import { MANIFEST_FILE, parseManifest } from './manifest.js'

/**
 * Throws unless a data set may be written to `folder`: it is absent or empty or, with `force`, holds a data set.
 *
 * @throws {DataSetError} `exists`
 */
export async function checkTarget(folder: string, force: boolean): Promise<void> {
  let entries: string[]
  try {
    entries = await readdir(folder)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return
    throw new DataSetError('exists', `${folder} is not a folder`, 'choose another name')
  }
  if (entries.length === 0) return
  if (!force) {
    throw new DataSetError('exists', `${folder} is not empty`, 'choose another folder, or replace it by --force')
  }
  // A folder that holds anything but a data set is never deleted.
  try {
    parseManifest(await readFile(join(folder, MANIFEST_FILE), 'utf8'), folder)
  } catch {
    throw new DataSetError('exists', `${folder} holds something that is not a data set`, 'choose another folder')
  }
}

/**
 * Writes a data-set folder: everything into a temporary folder beside it, which takes the name at the end. With
 * `force`, a data set that has the name gives it up at that moment and is deleted afterwards.
 *
 * @throws {DataSetError} `exists`
 */
export async function writeDataSetFolder(
  { manifest, files }: CompiledDataSet,
  folder: string,
  { force = false, signal }: { force?: boolean; signal?: AbortSignal } = {},
): Promise<void> {
  await checkTarget(folder, force)
  const target = resolve(folder)
  const temporary = sibling(target, 'partial')
  const retired = sibling(target, 'old')
  await mkdir(dirname(target), { recursive: true })
  try {
    await mkdir(temporary)
    for (const [file, bytes] of files) {
      signal?.throwIfAborted()
      await writeFile(join(temporary, file), bytes)
    }
    await writeFile(join(temporary, MANIFEST_FILE), `${JSON.stringify(manifest, null, 2)}\n`)
    signal?.throwIfAborted()
    if (existsSync(target)) await rename(target, retired)
    try {
      await rename(temporary, target)
    } catch (error) {
      if (existsSync(retired)) await rename(retired, target)
      throw error
    }
  } finally {
    await rm(temporary, { recursive: true, force: true })
  }
  await rm(retired, { recursive: true, force: true })
}

function sibling(target: string, mark: string): string {
  return join(dirname(target), `.${basename(target)}.${mark}-${randomBytes(4).toString('hex')}`)
}
