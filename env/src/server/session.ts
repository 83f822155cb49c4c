import {
  ProtocolError,
  type ErrorBody,
  type EvaluationEvent,
  type Limits,
  type Request,
  type Result,
} from '@unitcell/protocol'
import type { StepResult } from '../mdp/crystal-fill.js'
import type { SchedulerProgress } from '../mdp/evaluation.js'
import { actionSpace, observationSpace } from '../mdp/spaces.js'
import type { Call } from './call.js'
import type { DataLibrary } from './data-library.js'
import { EnvironmentHandle } from './environment-handle.js'
import { describeEvaluation, describeProgress } from './evaluation-messages.js'
import { readFilledStructure } from './inline-structure.js'
import { renderStructure } from './render.js'
import { SessionEvaluations } from './session-evaluations.js'
import type { Outcome } from './turns.js'

export const ENVIRONMENT = 'CrystalFill-v1'

type EnvironmentSummary = Result<'hello'>['resumed'][number]

/** Requests a session answers; `hello`, `cancel` and the end of the session belong to the connection. */
export type SessionRequest = Exclude<Request, { op: 'hello' | 'cancel' }>

/** Requests to one environment, which are carried out one after the other. */
type EnvironmentRequest = Request<'reset' | 'step' | 'observe' | 'mask' | 'render'>

/** How many seconds of the episode rate a session may use up in one go. */
const RATE_WINDOW_SECONDS = 10

/** One client's environments. Outlives its connection for a while. */
export class Session {
  readonly #handles = new Map<number, EnvironmentHandle>()
  #nextHandle = 1
  #episodesLeft: number
  #rateClock = performance.now()
  readonly #evaluations: SessionEvaluations
  /** Called when something has happened that the client did not ask for. */
  onEvent: (event: EvaluationEvent) => void = () => {}

  constructor(
    readonly id: string,
    readonly data: DataLibrary,
    readonly limits: Limits,
    describeError: (error: unknown) => ErrorBody,
  ) {
    this.#evaluations = new SessionEvaluations(limits, describeError, (event) => this.onEvent(event))
    this.#episodesLeft = limits.episodes_per_second * RATE_WINDOW_SECONDS
  }

  /** The handles that are open, as `make` described them. */
  get summaries(): EnvironmentSummary[] {
    return [...this.#handles].map(([handle, { environment }]) => ({
      handle,
      environment: ENVIRONMENT,
      count: environment.count,
      options: environment.options,
    }))
  }

  /** The result of a request; a promise where something must be calculated first. @throws ProtocolError */
  answer(request: SessionRequest, call: Call): Outcome {
    switch (request.op) {
      case 'make':
        return this.#make(request)
      case 'reset':
      case 'step':
      case 'observe':
      case 'mask':
      case 'render': {
        const handle = this.#handle(request.handle)
        return handle.turns.take(call, () => this.#carryOut(request, handle, call))
      }
      case 'evaluate':
        return this.#evaluate(request, call)
      case 'evaluation':
        return this.#evaluations.state(request.evaluation)
      case 'datasets':
        return { datasets: this.data.summaries }
      case 'transitions':
        return this.data.shelf(request.name ?? null).transitions.piece(request, this.limits.transitions_per_answer)
      case 'close':
        if (request.handle !== undefined) this.#close(request.handle)
        return {}
      case 'ping':
        return { time: Date.now() / 1000 }
    }
  }

  /** Withdraws a deferred evaluation; false where it has ended. @throws ProtocolError `unknown_evaluation` */
  cancelEvaluation(evaluation: number): boolean {
    return this.#evaluations.cancel(evaluation)
  }

  /** Withdraws whatever is still calculated for it. */
  end(): void {
    for (const handle of [...this.#handles.keys()]) this.#close(handle)
    this.#evaluations.end()
  }

  #carryOut(request: EnvironmentRequest, handle: EnvironmentHandle, call: Call): Outcome {
    switch (request.op) {
      case 'reset':
        this.#spendEpisodes(request.which?.length ?? handle.environment.size)
        return handle.reset(request)
      case 'step': {
        if (this.#episodesLeft <= 0 && handle.environment.options.autoreset !== 'disabled') this.#spendEpisodes(0)
        const result = handle.step(request, call, this.#evaluations)
        if (!(result instanceof Promise)) return this.#countEpisodes(result)
        return result.then((result) => this.#countEpisodes(result))
      }
      case 'observe':
        return handle.environment.observe()
      case 'mask':
        return { mask: handle.environment.mask() }
      case 'render': {
        const episode = handle.environment.episode(handle.place(request.env))
        return { format: request.format, text: renderStructure(episode, request.format) }
      }
    }
  }

  #evaluate({ structure, dataset, priority }: Request<'evaluate'>, call: Call): Outcome {
    const { evaluator } = this.data.shelf(dataset ?? null)
    const crystal = readFilledStructure(structure, this.limits.structure_sites)
    const known = evaluator.lookup(crystal.skeleton, crystal.species)
    if (known !== null) return describeEvaluation(known)
    this.#evaluations.require(1)
    const onProgress = (progress: SchedulerProgress) => call.tell(describeProgress(progress))
    return this.#evaluations
      .request(evaluator, crystal, { priority, signal: call.signal, onProgress })
      .then(describeEvaluation)
  }

  /** What waits in a handle that is closed is cancelled first: nobody is there to take its reward. */
  #close(number: number): void {
    const handle = this.#handle(number)
    handle.turns.cancel(new ProtocolError('cancelled', `handle ${number} was closed`))
    this.#handles.delete(number)
  }

  #make(request: Request<'make'>): Result<'make'> {
    const { environment, count = 1 } = request
    if (environment !== ENVIRONMENT) {
      throw new ProtocolError('unknown_environment', `there is no environment ${JSON.stringify(environment)}`, {
        known: [ENVIRONMENT],
      })
    }
    const { handles_per_session, environments_per_session } = this.limits
    if (this.#handles.size >= handles_per_session) {
      throw new ProtocolError('too_many_handles', `${handles_per_session} handles are open in this session`)
    }
    const open = [...this.#handles.values()].reduce((sum, handle) => sum + handle.environment.size, 0)
    if (open + count > environments_per_session) {
      const fault = `${open} environments are open, ${count} more exceed ${environments_per_session}`
      throw new ProtocolError('too_many_environments', fault)
    }
    const made = new EnvironmentHandle(this.data.shelf(request.options.dataset), request, this.limits.structure_sites)
    const handle = this.#nextHandle++
    this.#handles.set(handle, made)
    return {
      handle,
      environment,
      count: made.environment.count,
      options: made.environment.options,
      observation_space: { ...observationSpace() },
      action_space: { ...actionSpace(made.environment.count) },
    }
  }

  #countEpisodes(result: StepResult): StepResult {
    const { episode, episodes } = result.info
    this.#episodesLeft -= episodes?.split.length ?? (episode === undefined ? 0 : 1)
    return result
  }

  #handle(number: number): EnvironmentHandle {
    const handle = this.#handles.get(number)
    if (handle !== undefined) return handle
    throw new ProtocolError('unknown_handle', `handle ${number} is not open in this session`, {
      open: [...this.#handles.keys()],
    })
  }

  #spendEpisodes(count: number): void {
    const now = performance.now()
    const rate = this.limits.episodes_per_second
    const earned = ((now - this.#rateClock) / 1000) * rate
    const window = rate * RATE_WINDOW_SECONDS
    this.#episodesLeft = Math.min(this.#episodesLeft + earned, window)
    this.#rateClock = now
    // A vector larger than the window starts when the window is full, and is paid off afterwards.
    const needed = Math.min(Math.max(count, 1), window)
    if (this.#episodesLeft < needed) {
      const wait = (needed - this.#episodesLeft) / rate
      throw new ProtocolError('episode_rate', `more than ${rate} episodes per second`, { retry_after_seconds: wait })
    }
    this.#episodesLeft -= count
  }
}
