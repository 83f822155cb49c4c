import { join } from 'node:path'
import type { LaunchOptions, RunEnd } from './launcher.js'
import { ReportTail } from './report-tail.js'
import { REPORT_FILE, type BatchJob, type RunFolder } from './run-folder.js'
import { jobPhase, type SlurmJobDetails } from './slurm-client.js'
import { readScriptEnd, type ScriptEnd } from './slurm-script.js'

/** A job that SLURM has accepted. */
export interface SubmittedJob extends BatchJob {
  readonly id: string
}

/**
 * One run that is waited for. Its end is what its own script wrote; where a signal ended it, or where the script came to
 * write nothing, the state of the job says why.
 */
export class SlurmRun {
  readonly ended: Promise<RunEnd>
  /** Somebody here wants it to end. */
  cancelled = false
  #resolve!: (end: RunEnd) => void
  #isOver = false
  #script: ScriptEnd | null = null
  /** When its job was first seen to have ended without a word of the script. */
  #silentSince: number | null = null
  readonly #begun = performance.now()
  readonly #tail: ReportTail

  constructor(
    readonly folder: RunFolder,
    readonly job: SubmittedJob,
    private readonly options: LaunchOptions,
    pollSeconds: number,
  ) {
    this.ended = new Promise((resolve) => (this.#resolve = resolve))
    // Counted from the first word of pw.x: before it, the job has waited for a node.
    let started: number | undefined
    const elapsedSeconds = () => (performance.now() - (started ??= performance.now())) / 1000
    this.#tail = new ReportTail(join(folder.path, REPORT_FILE), elapsedSeconds, pollSeconds, options.onProgress)
  }

  get isOver(): boolean {
    return this.#isOver
  }

  /** Ends the wait where the script has written all there is to know. */
  async readScript(): Promise<void> {
    this.#script = await readScriptEnd(this.folder.path, this.options.timeLimitSeconds)
    if (this.#script === null) return
    if (this.cancelled) return this.#settle('cancelled')
    if (this.#script.timedOut) return this.#settle('time_limit')
    if (this.#script.exitCode <= 128) return this.#settle(null)
  }

  /** Its job waits for a node, or has one. */
  async jobGoesOn(state: string): Promise<void> {
    // What has not begun never will: its script looks for the wish to cancel before anything else.
    if (this.cancelled && jobPhase(state) === 'waiting') return this.#settle('cancelled')
    // The job is not being ended, so the signal was for pw.x alone.
    if (this.#script !== null && state === 'RUNNING') return this.#settle(null)
  }

  /**
   * Its job has ended; `details` is null where SLURM has forgotten it.
   *
   * @param fileDelaySeconds how late a file of the node may become visible here
   */
  async jobEnded(details: SlurmJobDetails | null, fileDelaySeconds: number): Promise<void> {
    await this.readScript()
    if (this.#isOver) return
    const phase = details === null ? 'finished' : jobPhase(details.state)
    const where = details?.nodes ? ` on ${details.nodes}` : ''
    if (phase === 'cancelled' || this.cancelled) return this.#settle('cancelled')
    if (phase === 'time_limit' || phase === 'node_failed' || phase === 'out_of_memory') {
      return this.#settle(phase, `SLURM job ${this.job.id} is ${details!.state}${where}`)
    }
    if (this.#script !== null) return this.#settle(null)
    this.#silentSince ??= performance.now()
    if (performance.now() - this.#silentSince < 1000 * fileDelaySeconds) return
    const end =
      details === null ? 'is unknown to SLURM' : `is ${details.state} with exit code ${details.exitCode}${where}`
    const hint = 'is the work folder shared with the nodes?'
    return this.#settle(null, `SLURM job ${this.job.id} ${end}, and the run's own script wrote no exit code (${hint})`)
  }

  async #settle(stoppedBy: RunEnd['stoppedBy'], detail?: string): Promise<void> {
    if (this.#isOver) return
    this.#isOver = true
    await this.#tail.finish()
    const exitCode = this.#script?.exitCode ?? null
    // The codes of timeout(1) for a program that cannot be started.
    const notStarted = exitCode === 126 || exitCode === 127 ? 'pw.x cannot be started on the node' : undefined
    const wallSeconds = this.#script?.wallSeconds ?? (performance.now() - this.#begun) / 1000
    this.#resolve({ exitCode, signal: null, stoppedBy, detail: detail ?? notStarted, wallSeconds })
  }
}
