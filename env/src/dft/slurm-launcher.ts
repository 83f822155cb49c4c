import { access, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { DftError } from './errors.js'
import type { LaunchOptions, Launcher, RunHandle } from './launcher.js'
import { isRunning } from './process.js'
import { findRuns, removeFolder, type BatchJob, type FoundRun, type RunFolder } from './run-folder.js'
import { SlurmClient, jobPhase } from './slurm-client.js'
import { SlurmRun, type SubmittedJob } from './slurm-run.js'
import {
  CANCEL_FILE,
  EXIT_FILE,
  PW_MISSING_MARK,
  SCRIPT_FILE,
  jobMinutes,
  jobScript,
  runScript,
  versionScript,
} from './slurm-script.js'

export interface SlurmOptions {
  /** Name or path of pw.x on the nodes. Default `pw.x`. */
  readonly pw?: string
  /** Lines of bash that come before pw.x on the node, such as `module load quantum-espresso`. */
  readonly setup?: string
  /** Default: SLURM's. */
  readonly partition?: string
  /** Default: SLURM's. */
  readonly account?: string
  /** More options of sbatch(1) (and srun(1), for the version), one each, such as `--qos=long`. */
  readonly extraOptions?: readonly string[]
  /** Runs that share a job and so a node, one core each. Default 1; where nodes are given whole, their cores. */
  readonly runsPerJob?: number
  /** How long a job waits for more runs to share it, seconds. Default 2. */
  readonly packSeconds?: number
  /** Between two looks at jobs and reports, seconds. Default 5. */
  readonly pollSeconds?: number
  /** How late files of a node may become visible here, seconds. Default 60, as network file systems have it. */
  readonly fileDelaySeconds?: number
  /** Version of pw.x on the nodes. Default: asked on a node, which takes until one is free. */
  readonly pwVersion?: string
}

const defaults = { pw: 'pw.x', setup: '', runsPerJob: 1, packSeconds: 2, pollSeconds: 5, fileDelaySeconds: 60 }

/** How long the question for the version waits for a free node. */
const versionTimeoutSeconds = 900

/** How long cancelled jobs of a dead server are waited for; SLURM itself waits 30 between TERM and KILL. */
const reapSeconds = 60

/** Runs that will share a job. */
interface Pack {
  readonly members: { readonly folder: RunFolder; readonly timeLimitSeconds: number }[]
  readonly submitted: Promise<SubmittedJob>
  /** Submits the job; no run joins it any more. */
  readonly close: () => void
}

/**
 * Runs pw.x on the nodes of a SLURM cluster, in batch jobs. The work folder has to be the same folder on the nodes as
 * here, on a file system that they share, and belong to one server alone. All runs share one question to SLURM per poll.
 */
export class SlurmLauncher implements Launcher {
  readonly name = 'slurm'
  readonly #client = new SlurmClient()
  readonly #options: typeof defaults
  readonly #pwVersion: string | undefined
  readonly #jobOptions: readonly string[]
  readonly #runs = new Set<SlurmRun>()
  #pack: Pack | null = null
  #polling = false

  /** @throws DftError `invalid_setting` */
  constructor({ partition, account, extraOptions = [], pwVersion, ...options }: SlurmOptions = {}) {
    this.#options = { ...defaults, ...options }
    this.#pwVersion = pwVersion
    this.#jobOptions = [
      ...(partition === undefined ? [] : [`--partition=${partition}`]),
      ...(account === undefined ? [] : [`--account=${account}`]),
      ...extraOptions,
    ]
    const { runsPerJob, packSeconds, pollSeconds, fileDelaySeconds } = this.#options
    if (!Number.isInteger(runsPerJob) || runsPerJob < 1) {
      throw new DftError('invalid_setting', `${runsPerJob} runs are to share a SLURM job (use a whole number above 0)`)
    }
    if (!(packSeconds >= 0 && pollSeconds > 0 && fileDelaySeconds >= 0)) {
      const given = `pack ${packSeconds}, poll ${pollSeconds}, file delay ${fileDelaySeconds}`
      throw new DftError('invalid_setting', `pauses of the SLURM launcher in seconds: ${given} (use numbers above 0)`)
    }
  }

  /** @throws DftError `pw_missing`, `slurm_error` */
  async version(): Promise<string> {
    if (this.#pwVersion !== undefined) return this.#pwVersion
    const options = [...this.#jobOptions, '--job-name=unitcell-version', '--time=1']
    const report = await this.#client.runOnNode(versionScript(this.#options), options, versionTimeoutSeconds)
    const version = /Program PWSCF v\.(\S+)/.exec(report)?.[1]
    if (version !== undefined) return version
    const what = report.includes(PW_MISSING_MARK) ? 'is not there' : 'does not start'
    const hint =
      'install quantum-espresso on the nodes, name the program with its path, or load its module in the setup'
    throw new DftError('pw_missing', `Quantum Espresso's ${this.#options.pw} ${what} on a node of SLURM (${hint})`)
  }

  /** @throws DftError `slurm_error`, `work_folder_unwritable` */
  async start(folder: RunFolder, options: LaunchOptions): Promise<RunHandle> {
    const script = runScript(folder.path, options.timeLimitSeconds, this.#options)
    await writing(folder, () => writeFile(join(folder.path, SCRIPT_FILE), script))
    return this.#follow(folder, await this.#join(folder, options.timeLimitSeconds), options)
  }

  /** @throws DftError `slurm_error`, `work_folder_unwritable` */
  async adopt(folder: RunFolder, options: LaunchOptions): Promise<RunHandle | null> {
    if (!folder.record.job || (await exists(folder.path, CANCEL_FILE))) return null
    let job = await this.#find(folder.record.job)
    // SLURM forgets its jobs some minutes after their end; what the script has written stays.
    if (job === null && (await exists(folder.path, EXIT_FILE))) job = { ...folder.record.job, id: 'unknown' }
    if (job === null) return null
    const known = job
    await writing(folder, () => folder.recordJob(known))
    return this.#follow(folder, job, options)
  }

  /** @throws DftError `slurm_error` */
  async reapOrphans(workFolder: string): Promise<number> {
    const orphans: FoundRun[] = []
    for (const run of await findRuns(workFolder)) {
      const { record } = run
      if (!record || (record.launcher === this.name && !(await isRunning(record.owner)))) orphans.push(run)
    }
    // All are marked before any job is ended: a job goes as a whole once none of its runs is wanted.
    for (const { path } of orphans) await mark(path)
    const jobs = new Map(orphans.flatMap(({ record }) => (record?.job ? [[record.job.name, record.job] as const] : [])))
    const ending = new Set<string>()
    for (const recorded of jobs.values()) {
      const job = await this.#find(recorded)
      if (job === null || (await isWanted(job))) continue
      await this.#client.cancel(job.id)
      ending.add(job.id)
    }
    await this.#untilEnded(ending)
    for (const { path } of orphans) await removeFolder(path)
    return orphans.length
  }

  /** Puts a run into a job; resolves when SLURM has accepted the job. */
  #join(folder: RunFolder, timeLimitSeconds: number): Promise<SubmittedJob> {
    const pack = (this.#pack ??= this.#openPack())
    pack.members.push({ folder, timeLimitSeconds })
    if (pack.members.length >= this.#options.runsPerJob) pack.close()
    return pack.submitted
  }

  #openPack(): Pack {
    const members: Pack['members'] = []
    let close!: () => void
    const closed = new Promise<void>((resolve) => {
      const timer = setTimeout(() => close(), 1000 * this.#options.packSeconds)
      close = () => {
        clearTimeout(timer)
        this.#pack = null
        resolve()
      }
    })
    return { members, submitted: closed.then(() => this.#submit(members)), close }
  }

  async #submit(members: Pack['members']): Promise<SubmittedJob> {
    const folders = members.map(({ folder }) => folder.path)
    const name = `unitcell-${basename(folders[0])}`
    const record = (job: BatchJob) =>
      Promise.all(members.map(({ folder }) => writing(folder, () => folder.recordJob(job))))
    await record({ name, id: null, folders })
    const minutes = Math.max(...members.map(({ timeLimitSeconds }) => jobMinutes(timeLimitSeconds)))
    const options = [
      ...this.#jobOptions,
      `--job-name=${name}`,
      `--time=${minutes}`,
      '--nodes=1',
      '--ntasks=1',
      `--cpus-per-task=${members.length}`,
      // A run that is started again is for its caller to decide.
      '--no-requeue',
      '--chdir=/',
      '--output=/dev/null',
    ]
    try {
      const job = { name, id: await this.#client.submit(jobScript(folders), options), folders }
      await record(job)
      return job
    } catch (error) {
      // It may have been accepted all the same, with the answer lost.
      await this.#client.cancelByName(name).catch(() => undefined)
      throw error
    }
  }

  /** The job of a record, with the id that SLURM has given it; null where SLURM does not know it. */
  async #find(job: BatchJob): Promise<SubmittedJob | null> {
    if (job.id !== null) {
      // Numbers start again from 1 when a cluster is set up anew.
      const same = (await this.#client.job(job.id))?.name === job.name
      return same ? { ...job, id: job.id } : null
    }
    const found = [...(await this.#client.jobs()).values()].find(({ name }) => name === job.name)
    return found ? { ...job, id: found.id } : null
  }

  #follow(folder: RunFolder, job: SubmittedJob, options: LaunchOptions): RunHandle {
    const run = new SlurmRun(folder, job, options, this.#options.pollSeconds)
    this.#runs.add(run)
    void run.ended.then(() => this.#runs.delete(run))
    if (!this.#polling) void this.#poll()
    const cancel = () => {
      run.cancelled = true
      // Where SLURM does not answer now, the next look tries again.
      void this.#cancel(run).catch(() => undefined)
    }
    return { ended: run.ended, cancel }
  }

  /** Looks after all runs until there are none. */
  async #poll(): Promise<void> {
    this.#polling = true
    while (this.#runs.size > 0) {
      await sleep(1000 * this.#options.pollSeconds)
      // SLURM not answering ends no run: the next look asks again, and what scripts write is seen meanwhile.
      await this.#look().catch(() => undefined)
    }
    this.#polling = false
  }

  async #look(): Promise<void> {
    await Promise.all([...this.#runs].map((run) => run.readScript()))
    const open = [...this.#runs].filter((run) => !run.isOver)
    if (open.length === 0) return
    const jobs = await this.#client.jobs()
    for (const run of open) {
      if (run.cancelled) await this.#cancel(run)
      const { id } = run.job
      const state = jobs.get(id)?.state
      if (state !== undefined && isUnderWay(state)) {
        await run.jobGoesOn(state)
        continue
      }
      const details = await this.#client.job(id)
      if (details === null || !isUnderWay(details.state)) await run.jobEnded(details, this.#options.fileDelaySeconds)
    }
  }

  async #cancel({ folder, job, isOver }: SlurmRun): Promise<void> {
    if (isOver) return
    await mark(folder.path)
    if (!(await isWanted(job))) await this.#client.cancel(job.id)
  }

  async #untilEnded(ids: ReadonlySet<string>): Promise<void> {
    const deadline = performance.now() + 1000 * reapSeconds
    const remain = async () =>
      [...(await this.#client.jobs()).values()].some((job) => ids.has(job.id) && isUnderWay(job.state))
    while (ids.size > 0 && (await remain()) && performance.now() < deadline) await sleep(200)
  }
}

function isUnderWay(state: string): boolean {
  const phase = jobPhase(state)
  return phase === 'waiting' || phase === 'active'
}

/** Whether any run of a job is still to go on: it is there, has not ended, and nobody has asked it to end. */
async function isWanted(job: BatchJob): Promise<boolean> {
  for (const folder of job.folders) {
    const isEnding = (await exists(folder, CANCEL_FILE)) || (await exists(folder, EXIT_FILE))
    if (!isEnding && (await exists(folder))) return true
  }
  return false
}

/** Asks the script of a run to end it; where the disk is full, the removal of the folder does. */
async function mark(folder: string): Promise<void> {
  await writeFile(join(folder, CANCEL_FILE), '').catch(() => undefined)
}

function exists(...path: string[]): Promise<boolean> {
  return access(join(...path)).then(
    () => true,
    () => false,
  )
}

async function writing(folder: RunFolder, write: () => Promise<void>): Promise<void> {
  try {
    await write()
  } catch (cause) {
    const what = cause instanceof Error ? cause.message : String(cause)
    const hint = 'free disk space there, or choose another work folder'
    throw new DftError('work_folder_unwritable', `run folder ${folder.path}: ${what} (${hint})`, { cause })
  }
}
