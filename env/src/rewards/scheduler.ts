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
  /** The place in the queue that it was told last. */
  place: number | null
}

interface Job {
  readonly key: string
  readonly structure: Structure
  readonly waiters: Set<Waiter>
  /** Order of arrival. */
  readonly number: number
  readonly abort: AbortController
  /** Null while it waits for a slot. */
  progress: Extract<SchedulerProgress, { state: 'running' }> | null
  /** Settles when the run has ended; it never rejects. */
  ended: Promise<void> | null
}

/** A queue longer than this moves more often than anyone wants to hear: it is told at most every `TELLING_PAUSE_MS`. */
const LONG_QUEUE = 100
const TELLING_PAUSE_MS = 200

/**
 * Runs calculations, at most `slots` at a time: a queue with priorities, one run for each distinct key however many wait
 * for it, and none that nobody waits for. Callbacks must not throw.
 */
export class Scheduler {
  /** Jobs that a new request may join: all but those whose run is being ended. */
  readonly #jobs = new Map<string, Job>()
  readonly #queue = new Set<Job>()
  readonly #running = new Set<Job>()
  #arrivals = 0
  #lastTelling = -Infinity
  #nextTelling: NodeJS.Timeout | null = null

  constructor(
    readonly compute: Compute,
    readonly slots: number,
  ) {
    if (!Number.isInteger(slots) || slots < 1)
      throw new RangeError(`slots is ${slots} (give a whole number, at least 1)`)
  }

  /** Calculations that run, and those that wait. */
  get load(): { readonly running: number; readonly queued: number } {
    return { running: this.#running.size, queued: this.#queue.size }
  }

  /**
   * The result of a calculation, when it is there. A failed calculation is a result.
   *
   * @throws EvaluationCancelled; DftError where the machine or the set-up is at fault
   */
  request({ key, structure, priority, signal, onProgress }: EvaluationRequest): Promise<DftResult> {
    if (signal?.aborted) return Promise.reject(cancelled())
    const job = this.#jobs.get(key) ?? this.#enqueue(key, structure)
    return new Promise<DftResult>((resolve, reject) => {
      const withdraw = () => this.#withdraw(job, waiter)
      // A signal may outlive many requests, and must not keep what they have left behind.
      const settle = () => signal?.removeEventListener('abort', withdraw)
      const waiter: Waiter = {
        priority,
        onProgress,
        resolve: (result) => (settle(), resolve(result)),
        reject: (error) => (settle(), reject(error)),
        place: null,
      }
      job.waiters.add(waiter)
      signal?.addEventListener('abort', withdraw, { once: true })
      if (job.progress) onProgress?.(job.progress)
      this.#startNext()
      this.#queueChanged()
    })
  }

  /** Ends all runs and fails all requests; settles when no run is left. */
  async stop(): Promise<void> {
    const jobs = [...this.#running, ...this.#queue]
    for (const job of jobs) for (const waiter of [...job.waiters]) this.#withdraw(job, waiter)
    if (this.#nextTelling) clearTimeout(this.#nextTelling)
    this.#nextTelling = null
    await Promise.all(jobs.map((job) => job.ended))
  }

  #enqueue(key: string, structure: Structure): Job {
    const job: Job = {
      key,
      structure,
      waiters: new Set<Waiter>(),
      number: this.#arrivals++,
      abort: new AbortController(),
      progress: null,
      ended: null,
    }
    this.#jobs.set(key, job)
    this.#queue.add(job)
    return job
  }

  #withdraw(job: Job, waiter: Waiter): void {
    if (!job.waiters.delete(waiter)) return
    waiter.reject(cancelled())
    if (job.waiters.size > 0) return
    this.#forget(job)
    this.#queue.delete(job)
    job.abort.abort()
    this.#queueChanged()
  }

  /** A new request of the key begins a job of its own. */
  #forget(job: Job): void {
    if (this.#jobs.get(job.key) === job) this.#jobs.delete(job.key)
  }

  /** The queue in the order in which it will be served. */
  #inOrder(): Job[] {
    return [...this.#queue].sort((a, b) => urgency(a) - urgency(b) || a.number - b.number)
  }

  #startNext(): void {
    const free = this.slots - this.#running.size
    if (free <= 0 || this.#queue.size === 0) return
    for (const job of this.#inOrder().slice(0, free)) this.#start(job)
  }

  #start(job: Job): void {
    this.#queue.delete(job)
    this.#running.add(job)
    job.progress = { state: 'running', iteration: null, estimatedAccuracyRy: null, elapsedSeconds: 0 }
    tell(job, job.progress)
    job.ended = this.#run(job)
  }

  /** Runs a job to its end; never rejects. */
  async #run(job: Job): Promise<void> {
    const started = performance.now()
    try {
      const result = await this.compute(job.structure, {
        key: job.key,
        signal: job.abort.signal,
        onProgress: ({ iteration, estimatedAccuracyRy }) => {
          const elapsedSeconds = (performance.now() - started) / 1000
          job.progress = { state: 'running', iteration, estimatedAccuracyRy, elapsedSeconds }
          tell(job, job.progress)
        },
      })
      for (const waiter of job.waiters) waiter.resolve(result)
    } catch (error) {
      for (const waiter of job.waiters) waiter.reject(error as Error)
    }
    job.waiters.clear()
    this.#forget(job)
    this.#running.delete(job)
    this.#startNext()
    this.#queueChanged()
  }

  /** Tells places: at once, or where the queue is long and was told just now, a little later. */
  #queueChanged(): void {
    if (this.#queue.size === 0 || this.#nextTelling) return
    const pause = this.#lastTelling + TELLING_PAUSE_MS - performance.now()
    if (pause <= 0 || this.#queue.size <= LONG_QUEUE) return this.#tellPlaces()
    this.#nextTelling = setTimeout(() => {
      this.#nextTelling = null
      this.#tellPlaces()
    }, pause)
  }

  #tellPlaces(): void {
    this.#inOrder().forEach((job, i) => {
      for (const waiter of job.waiters) {
        if (waiter.place === i + 1) continue
        waiter.place = i + 1
        waiter.onProgress?.({ state: 'queued', place: i + 1 })
      }
    })
    this.#lastTelling = performance.now()
  }
}

function cancelled(): EvaluationCancelled {
  return new EvaluationCancelled('the evaluation was cancelled')
}

/** 0: somebody waits at a screen. */
function urgency(job: Job): 0 | 1 {
  for (const { priority } of job.waiters) if (priority === 'interactive') return 0
  return 1
}

function tell(job: Job, progress: SchedulerProgress): void {
  for (const { onProgress } of job.waiters) onProgress?.(progress)
}
