import { mkdir, statfs } from 'node:fs/promises'
import { availableParallelism, totalmem } from 'node:os'
import { checkWorkFolder, DftError, defaultWorkFolder } from '../dft/index.js'
import type { Check } from './check.js'

const GIB = 2 ** 30

/** What a run of pw.x leaves behind while it lasts, and takes of memory, at most for 20 sites. */
const RUN_DISK_BYTES = 0.1 * GIB
const RUN_MEMORY_BYTES = 0.6 * GIB

/** Whether Node is new enough. */
export function checkNode(): Check {
  const name = 'Node'
  const [major, minor] = process.versions.node.split('.').map(Number)
  const found = process.version
  if (major > 20 || (major === 20 && minor >= 19)) return { name, status: 'ok', found }
  return { name, status: 'missing', found, fix: 'install Node 20.19 or newer' }
}

/** Whether as many runs as cores fit into the memory. */
export function checkMemory(slots = availableParallelism()): Check {
  const name = 'cores and memory'
  const found = `${slots} cores, ${(totalmem() / GIB).toFixed(0)} GiB`
  if (totalmem() >= slots * RUN_MEMORY_BYTES + GIB) return { name, status: 'ok', found }
  const fit = Math.max(1, Math.floor((totalmem() - GIB) / RUN_MEMORY_BYTES))
  return { name, status: 'optional', found, fix: `large crystals need 0.6 GiB each: --dft-slots ${fit}` }
}

/** Whether runs can write, and have space. */
export async function checkWorkDisk(folder = defaultWorkFolder(), slots = availableParallelism()): Promise<Check> {
  const name = 'work folder'
  try {
    await checkWorkFolder(folder)
  } catch (error) {
    if (!(error instanceof DftError)) throw error
    return { name, status: 'missing', found: error.message, fix: '--work-folder DIR' }
  }
  return space(name, folder, slots * RUN_DISK_BYTES, '--work-folder DIR on another disk')
}

/** Whether results can be kept. */
export async function checkCacheDisk(folder: string): Promise<Check> {
  const name = 'cache'
  try {
    await mkdir(folder, { recursive: true })
  } catch (error) {
    const found = `${folder}: ${error instanceof Error ? error.message : String(error)}`
    return { name, status: 'missing', found, fix: '--cache DIR in a folder you may write' }
  }
  return space(name, folder, RUN_DISK_BYTES, '--cache DIR on another disk')
}

async function space(name: string, folder: string, needed: number, fix: string): Promise<Check> {
  const { bavail, bsize } = await statfs(folder)
  const free = bavail * bsize
  const found = `${folder}, ${(free / GIB).toFixed(1)} GiB free`
  return free >= needed ? { name, status: 'ok', found } : { name, status: 'missing', found, fix }
}
