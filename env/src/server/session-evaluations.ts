import {
  ProtocolError,
  type ErrorBody,
  type EvaluationEvent,
  type Limits,
  type Progress,
  type Result,
} from '@unitcell/protocol'
import type { MissingEvaluation } from '../mdp/crystal-fill.js'
import type { Evaluation, EvaluationOptions, Evaluator, SkeletonSource } from '../mdp/evaluation.js'
import { describeProgress } from './evaluation-messages.js'

/** A crystal whose skeleton is filled. */
export interface FilledCrystal {
  readonly skeleton: SkeletonSource
  readonly species: Uint8Array
}

/** Whose reward is deferred. */
export interface Whose {
  readonly handle: number
  /** The environment of a vector; null for a single one. */
  readonly env: number | null
}

interface Running {
  readonly abort: AbortController
  progress: Exclude<Progress, { state: 'done' }>
}

type Settled = Omit<EvaluationEvent, 'event'>

/** The evaluations that a session waits for, and the rewards it has deferred. */
export class SessionEvaluations {
  #inFlight = 0
  #next = 1
  readonly #running = new Map<number, Running>()
  /** The last deferred ones that ended, oldest first. */
  readonly #settled = new Map<number, Settled>()

  constructor(
    readonly limits: Limits,
    readonly describeError: (error: unknown) => ErrorBody,
    readonly tell: (event: EvaluationEvent) => void,
  ) {}

  /** @throws ProtocolError `too_many_evaluations` unless so many more may be asked for */
  require(count: number): void {
    const { evaluations_in_flight: most } = this.limits
    if (this.#inFlight + count <= most) return
    const fault = `${this.#inFlight} evaluations are in flight, ${count} more exceed ${most}`
    throw new ProtocolError('too_many_evaluations', fault)
  }

  /** The evaluation of a crystal; see `Evaluator.request`. */
  async request(evaluator: Evaluator, crystal: FilledCrystal, options: EvaluationOptions): Promise<Evaluation> {
    this.#inFlight++
    try {
      return await evaluator.request(crystal.skeleton, crystal.species, options)
    } finally {
      this.#inFlight--
    }
  }

  /**
   * Starts the evaluation of a deferred reward; an event tells of its end.
   *
   * @returns its number
   */
  defer(evaluator: Evaluator, missing: MissingEvaluation, whose: Whose): number {
    const evaluation = this.#next++
    const running: Running = { abort: new AbortController(), progress: { state: 'queued', place: null } }
    this.#running.set(evaluation, running)
    const settle = (end: Pick<Settled, 'reward' | 'outcome' | 'error'>) => {
      this.#running.delete(evaluation)
      const settled = { evaluation, ...whose, ...end }
      this.#keep(settled)
      this.tell({ event: 'evaluation', ...settled })
    }
    const options: EvaluationOptions = {
      priority: 'bulk',
      signal: running.abort.signal,
      onProgress: (progress) => (running.progress = describeProgress(progress) as Running['progress']),
    }
    this.request(evaluator, missing, options).then(
      // Not before the answer to the step, which is on its way now.
      (known) => setImmediate(() => settle({ ...missing.judge(known), error: null })),
      (error: unknown) => setImmediate(() => settle({ reward: null, outcome: null, error: this.describeError(error) })),
    )
    return evaluation
  }

  /** How a deferred evaluation stands. @throws ProtocolError `unknown_evaluation` */
  state(evaluation: number): Result<'evaluation'> {
    const running = this.#running.get(evaluation)
    if (running !== undefined) return { ...running.progress, evaluation }
    const settled = this.#settled.get(evaluation)
    if (settled !== undefined) return { state: 'done', ...settled }
    throw new ProtocolError('unknown_evaluation', `evaluation ${evaluation} is not known in this session (any more)`)
  }

  /** Withdraws a deferred evaluation; false where it has ended. @throws ProtocolError `unknown_evaluation` */
  cancel(evaluation: number): boolean {
    const running = this.#running.get(evaluation)
    if (running === undefined) {
      this.state(evaluation)
      return false
    }
    running.abort.abort()
    return true
  }

  /** Withdraws all deferred evaluations. */
  end(): void {
    for (const { abort } of this.#running.values()) abort.abort()
  }

  #keep(settled: Settled): void {
    this.#settled.set(settled.evaluation, settled)
    if (this.#settled.size <= this.limits.evaluations_kept) return
    const [oldest] = this.#settled.keys()
    this.#settled.delete(oldest)
  }
}
