import { constants } from 'node:fs'
import {
  access,
  mkdir,
  mkdtemp,
  readFile,
  readdir,
  realpath,
  rename,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { DftError } from './errors.js'
import { OUTPUT_FOLDER, PREFIX, PSEUDO_FOLDER } from './input.js'
import { processId, type ProcessId } from './process.js'

export const INPUT_FILE = 'x.in'
export const REPORT_FILE = 'x.out'
export const MESSAGES_FILE = 'x.err'

const recordFile = 'run.json'

/** Younger folders without a record may still be about to get one. */
const settlingSeconds = 60

/** Where runs live unless configured: a folder of the user's own below the system's for temporary files. */
export function defaultWorkFolder(): string {
  return join(tmpdir(), `unitcell-dft-${userInfo().uid}`)
}

/** What a run folder says of itself, for a server that finds it after its own was killed. */
export interface RunRecord {
  readonly launcher: string
  /** What is computed, as the caller names it. */
  readonly key: string
  readonly owner: ProcessId
  /** The launcher's name of the running job: for `local` the leader of its process group; null before the start. */
  readonly process: ProcessId | null
  /** The batch job that computes, for launchers that have such. */
  readonly job?: BatchJob
  /** Of everything the result depends on: a run with the same one can stand in for another. */
  readonly fingerprint?: string
  readonly startedAt: string
}

/** A job of a cluster's scheduler. */
export interface BatchJob {
  /** Unique; recorded before the job is submitted, so that it can be found whenever the server dies. */
  readonly name: string
  /** Null until the scheduler has given one. */
  readonly id: string | null
  /** The folders of all runs in this job. */
  readonly folders: readonly string[]
}

/** The text a run left; empty where it left none. */
export interface RunFiles {
  readonly stdout: string
  readonly stderr: string
  readonly crash: string
  readonly xml: string
}

/** What a new run folder holds: the input, and under which name pw.x finds which pseudopotential. */
export interface RunContent {
  readonly key: string
  readonly launcher: string
  readonly fingerprint?: string
  readonly input: string
  readonly pseudopotentials: readonly { readonly name: string; readonly path: string }[]
}

/** The folder of one run: made complete before the start, removed after the end. */
export class RunFolder {
  private constructor(
    readonly path: string,
    private content: RunRecord,
  ) {}

  get record(): RunRecord {
    return this.content
  }

  /**
   * Makes a run folder under `<workFolder>/runs`.
   *
   * @throws DftError `work_folder_unwritable`
   */
  static async create(workFolder: string, content: RunContent): Promise<RunFolder> {
    const { key, launcher, fingerprint } = content
    const owner = (await processId(process.pid))!
    const startedAt = new Date().toISOString()
    const record: RunRecord = { launcher, key, owner, process: null, startedAt, ...(fingerprint && { fingerprint }) }
    let path: string | null = null
    try {
      const runs = runsFolder(workFolder)
      await mkdir(runs, { recursive: true })
      path = await mkdtemp(join(await realpath(runs), 'run-'))
      const folder = new RunFolder(path, record)
      await folder.write()
      await mkdir(join(path, OUTPUT_FOLDER))
      await mkdir(join(path, PSEUDO_FOLDER))
      for (const { name, path: target } of content.pseudopotentials) {
        await symlink(target, join(path, PSEUDO_FOLDER, name))
      }
      await writeFile(join(path, INPUT_FILE), content.input)
      return folder
    } catch (cause) {
      if (path !== null) await removeFolder(path).catch(() => undefined)
      throw unwritable(workFolder, cause)
    }
  }

  /** Makes the folder of a run whose server is gone this process's own. Throws where it cannot be written. */
  static async adopt(path: string, record: RunRecord): Promise<RunFolder> {
    const folder = new RunFolder(path, { ...record, owner: (await processId(process.pid))! })
    await folder.write()
    return folder
  }

  /** Notes which process computes in this folder. */
  async recordProcess(process: ProcessId): Promise<void> {
    this.content = { ...this.content, process }
    await this.write()
  }

  /** Notes which batch job computes in this folder. */
  async recordJob(job: BatchJob): Promise<void> {
    this.content = { ...this.content, job }
    await this.write()
  }

  async readFiles(): Promise<RunFiles> {
    const text = (...names: string[]) => readFile(join(this.path, ...names), 'utf8').catch(() => '')
    const [stdout, stderr, crash, xml] = await Promise.all([
      text(REPORT_FILE),
      text(MESSAGES_FILE),
      text('CRASH'),
      text(OUTPUT_FOLDER, `${PREFIX}.xml`),
    ])
    return { stdout, stderr, crash, xml }
  }

  remove(): Promise<void> {
    return removeFolder(this.path)
  }

  private async write(): Promise<void> {
    const temporary = join(this.path, `${recordFile}.new`)
    await writeFile(temporary, JSON.stringify(this.content))
    await rename(temporary, join(this.path, recordFile))
  }
}

/** A run folder that somebody else's process made; `record` is null where that process never came to write it. */
export interface FoundRun {
  readonly path: string
  readonly record: RunRecord | null
}

/** All run folders of a work folder that are not about to be filled; none where there is no such folder. */
export async function findRuns(workFolder: string): Promise<FoundRun[]> {
  const runs = await realpath(runsFolder(workFolder)).catch(() => null)
  if (runs === null) return []
  const found: FoundRun[] = []
  for (const name of await readdir(runs)) {
    const path = join(runs, name)
    const record = await readRecord(path)
    const made = await stat(path).catch(() => null)
    if (made && (record || Date.now() - made.mtimeMs > 1000 * settlingSeconds)) found.push({ path, record })
  }
  return found
}

async function readRecord(path: string): Promise<RunRecord | null> {
  try {
    return JSON.parse(await readFile(join(path, recordFile), 'utf8')) as RunRecord
  } catch {
    return null
  }
}

export function removeFolder(path: string): Promise<void> {
  return rm(path, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 })
}

/** Makes the work folder where need be. Throws DftError `work_folder_unwritable`. */
export async function checkWorkFolder(workFolder: string): Promise<void> {
  try {
    await mkdir(runsFolder(workFolder), { recursive: true, mode: 0o700 })
    await access(runsFolder(workFolder), constants.W_OK | constants.X_OK)
  } catch (cause) {
    throw unwritable(workFolder, cause)
  }
}

function runsFolder(workFolder: string): string {
  return join(workFolder, 'runs')
}

function unwritable(workFolder: string, cause: unknown): DftError {
  const what = cause instanceof Error ? cause.message : String(cause)
  const hint = 'make it writable, free disk space there, or choose another work folder'
  return new DftError('work_folder_unwritable', `DFT work folder ${workFolder}: ${what} (${hint})`, { cause })
}
