import type { Structure } from '@unitcell/datasets'
import type { DftResult, DftRunOptions } from '../dft/index.js'
import type { EvaluationOptions, Priority, SchedulerProgress } from '../mdp/evaluation.js'

export interface EvaluationRequest extends EvaluationOptions {
  /** Equal keys are the same calculation: one run serves them all. */
  readonly key: string
  readonly structure: Structure
}

/** Computes one crystal; see `DftRunner.run`. */
export type Compute = (
  structure: Structure,
  options: Pick<DftRunOptions, 'signal' | 'onProgress' | 'key'>,
) => Promise<DftResult>

/** The request was withdrawn, or the scheduler stopped. */
export class EvaluationCancelled extends Error {
  override readonly name = 'EvaluationCancelled'
  readonly code = 'cancelled'
}

interface Waiter {
  readonly priority: Priority
  readonly onProgress: ((progress: SchedulerProgress) => void) | undefined
  readonly resolve: (result: DftResult) => void
  readonly reject: (error: Error) => void
}

interface Job {
  readonly key: string
  readonly structure: Structure
  readonly waiters: Set<Waiter>
  /** Order of arrival. */
  readonly number: number
  readonly abort: AbortController
  running: boolean
}

/**
 * Runs calculations, at most `slots` at a time: a queue with priorities, one run for each distinct key however many wait
 * for it, and none that nobody waits for.
 */
export class Scheduler {
  readonly #jobs = new Map<string, Job>()
  #arrivals = 0
  #running = 0

  constructor(
    readonly compute: Compute,
    readonly slots: number,
  ) {
    if (!Number.isInteger(slots) || slots < 1)
      throw new RangeError(`slots is ${slots} (give a whole number, at least 1)`)
  }

  /** Calculations that run, and those that wait. */
  get load(): { readonly running: number; readonly queued: number } {
    return { running: this.#running, queued: this.#queue().length }
  }

  /**
   * The result of a calculation, when it is there. A failed calculation is a result.
   *
   * @throws EvaluationCancelled; DftError where the machine or the set-up is at fault
   */
  request({ key, structure, priority, signal, onProgress }: EvaluationRequest): Promise<DftResult> {
    if (signal?.aborted) return Promise.reject(new EvaluationCancelled('the evaluation was cancelled'))
    const job = this.#jobs.get(key) ?? this.#enqueue(key, structure)
    return new Promise((resolve, reject) => {
      const waiter: Waiter = { priority, onProgress, resolve, reject }
      job.waiters.add(waiter)
      signal?.addEventListener('abort', () => this.#withdraw(job, waiter), { once: true })
      this.#startNext()
      this.#tellPlaces()
    })
  }

  /** Ends all runs and fails all requests; settles when no run is left. */
  async stop(): Promise<void> {
    const jobs = [...this.#jobs.values()]
    for (const job of jobs) for (const waiter of [...job.waiters]) this.#withdraw(job, waiter)
    while (this.#running > 0) await new Promise((resolve) => setTimeout(resolve, 10))
  }

  #enqueue(key: string, structure: Structure): Job {
    const abort = new AbortController()
    const job = { key, structure, waiters: new Set<Waiter>(), number: this.#arrivals++, abort, running: false }
    this.#jobs.set(key, job)
    return job
  }

  #withdraw(job: Job, waiter: Waiter): void {
    if (!job.waiters.delete(waiter)) return
    waiter.reject(new EvaluationCancelled('the evaluation was cancelled'))
    if (job.waiters.size > 0) return
    // A new request of the same key must not join a run that is being ended.
    if (this.#jobs.get(job.key) === job) this.#jobs.delete(job.key)
    job.abort.abort()
    this.#tellPlaces()
  }

  /** The queue in the order in which it will be served. */
  #queue(): Job[] {
    const urgency = (job: Job) => ([...job.waiters].some((waiter) => waiter.priority === 'interactive') ? 0 : 1)
    return [...this.#jobs.values()]
      .filter((job) => !job.running)
      .sort((a, b) => urgency(a) - urgency(b) || a.number - b.number)
  }

  #startNext(): void {
    if (this.#running >= this.slots) return
    for (const job of this.#queue().slice(0, this.slots - this.#running)) void this.#run(job)
  }

  async #run(job: Job): Promise<void> {
    job.running = true
    this.#running++
    const started = performance.now()
    this.#tell(job, { state: 'running', iteration: null, estimatedAccuracyRy: null, elapsedSeconds: 0 })
    try {
      const result = await this.compute(job.structure, {
        key: job.key,
        signal: job.abort.signal,
        onProgress: ({ iteration, estimatedAccuracyRy }) => {
          const elapsedSeconds = (performance.now() - started) / 1000
          this.#tell(job, { state: 'running', iteration, estimatedAccuracyRy, elapsedSeconds })
        },
      })
      for (const waiter of job.waiters) waiter.resolve(result)
    } catch (error) {
      for (const waiter of job.waiters) waiter.reject(error as Error)
    } finally {
      job.waiters.clear()
      if (this.#jobs.get(job.key) === job) this.#jobs.delete(job.key)
      this.#running--
      this.#startNext()
      this.#tellPlaces()
    }
  }

  #tell(job: Job, progress: SchedulerProgress): void {
    for (const { onProgress } of job.waiters) onProgress?.(progress)
  }

  #tellPlaces(): void {
    this.#queue().forEach((job, i) => this.#tell(job, { state: 'queued', place: i + 1 }))
  }
}
