import { EventEmitter, on } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { ProtocolError } from '../errors.js'
import type { EvaluationEvent, EvaluationResult } from '../messages/evaluation.js'
import type { Operation, Params, Result } from '../messages/operations.js'
import type { EnvironmentOptionsInput } from '../messages/options.js'
import { PROTOCOL_VERSION, type Encoding } from '../version.js'
import { Channel, socketUrl } from './channel.js'
import { ConnectionError } from './connection-error.js'
import { Env } from './env.js'
import type { DeferredReward, RequestOptions, Requester } from './requester.js'
import { streamTransitions, type TransitionStreamOptions } from './transitions.js'
import { VectorEnv } from './vector-env.js'

export interface ConnectOptions {
  /** Default: msgpack. */
  readonly encoding?: Encoding
  /** Secret the server asks for. */
  readonly token?: string
  /** Name and version of this client, for the server's log. */
  readonly client?: string
  /** Longest wait for an answer, or for the server to accept a request that takes longer, ms; 0: none. Default: 60 s. */
  readonly timeoutMs?: number
  /** How long to try to take the session up again after a lost connection, ms; 0: not at all. Default: 30 s. */
  readonly reconnectMs?: number
}

const RETRY_MS = 200

interface Awaited {
  readonly promise: Promise<DeferredReward>
  readonly resolve: (reward: DeferredReward) => void
  readonly reject: (error: unknown) => void
}

/**
 * Connects to an environment server.
 *
 * @param url e.g. `ws://127.0.0.1:8787`
 * @throws ConnectionError no server there; ProtocolError `version_mismatch`, `unauthorized`, `too_many_sessions`
 */
export async function connect(url: string, options: ConnectOptions = {}): Promise<Client> {
  const channel = new Channel(socketUrl(url), options.encoding ?? 'msgpack', options.timeoutMs ?? 60_000)
  await channel.open()
  const greeting = {
    protocol: PROTOCOL_VERSION,
    client: options.client ?? 'unitcell-typescript',
    ...(options.token === undefined ? {} : { token: options.token }),
  }
  try {
    return new Client(channel, greeting, await channel.request('hello', greeting), options.reconnectMs ?? 30_000)
  } catch (error) {
    await channel.close()
    throw error
  }
}

/** A session with a server. A lost connection is taken up again where it broke, unless `reconnectMs` is 0. */
export class Client implements Requester {
  readonly #channel: Channel
  #isReconnecting = false
  #isClosed = false
  /** `evaluation`: one has come; `end`: none will come any more. */
  readonly #events = new EventEmitter().setMaxListeners(0)
  /** The last evaluations heard of: after a lost connection the server may tell of some again. */
  readonly #heard = new Set<number>()
  /** Deferred rewards that somebody waits for. */
  readonly #awaited = new Map<number, Awaited>()

  constructor(
    channel: Channel,
    readonly greeting: Params<'hello'>,
    /** What the server said in its greeting: limits, data sets, elements. */
    readonly server: Result<'hello'>,
    readonly reconnectMs: number,
  ) {
    this.#channel = channel
    const { limits } = server
    channel.window = limits['answers_kept'] ?? 1
    channel.mostInFlight = limits['requests_in_flight'] ?? 1
    channel.heartbeatMs = (limits['heartbeat_seconds'] ?? Infinity) * 1000
    channel.onEvent = (event) => this.#hear(event)
    channel.onLost = (error) => void this.#reconnect(error)
  }

  /** Makes one environment. @throws ProtocolError */
  async make(environment: string, options: EnvironmentOptionsInput = {}): Promise<Env> {
    return new Env(this, await this.request('make', { environment, options }))
  }

  /** Makes a vector of environments that one message steps. @throws ProtocolError */
  async makeVector(environment: string, count: number, options: EnvironmentOptionsInput = {}): Promise<VectorEnv> {
    return new VectorEnv(this, await this.request('make', { environment, count, options }))
  }

  /**
   * Energy and gap of a crystal: cached, recorded or calculated. It may take minutes.
   *
   * @throws ProtocolError `invalid_structure`, `evaluation_unavailable`, `too_many_evaluations`
   */
  evaluate(
    structure: Params<'evaluate'>['structure'],
    { dataset, priority, ...options }: Pick<Params<'evaluate'>, 'dataset' | 'priority'> & RequestOptions = {},
  ): Promise<EvaluationResult> {
    const params = { structure, ...(dataset === undefined ? {} : { dataset }), ...(priority && { priority }) }
    return this.request('evaluate', params, options)
  }

  /**
   * A deferred reward, when it is known.
   *
   * @param evaluation its number, from the outcome of the step that ended the episode
   * @param options a signal withdraws the evaluation, which then fails with the reason of the signal
   * @throws ProtocolError `unknown_evaluation`, `cancelled`, `evaluation_unavailable`; ConnectionError
   */
  async evaluation(evaluation: number, { signal }: Pick<RequestOptions, 'signal'> = {}): Promise<DeferredReward> {
    signal?.throwIfAborted()
    const cancel = () => void this.request('cancel', { evaluation }).catch(() => {})
    signal?.addEventListener('abort', cancel, { once: true })
    try {
      return await this.#await(evaluation)
    } catch (error) {
      const isOurs = signal?.aborted && error instanceof ProtocolError && error.code === 'cancelled'
      throw isOurs ? signal.reason : error
    } finally {
      signal?.removeEventListener('abort', cancel)
    }
  }

  /** Deferred rewards as they become known from now on, until the connection is closed. */
  evaluations({ signal }: Pick<RequestOptions, 'signal'> = {}): AsyncIterable<EvaluationEvent> {
    const events = on(this.#events, 'evaluation', { close: ['end'], ...(signal && { signal }) })
    return (async function* () {
      for await (const [event] of events) yield event as EvaluationEvent
    })()
  }

  /**
   * The recorded transitions of a split, piece by piece, with the next ones on their way.
   *
   * @throws ProtocolError `unknown_dataset`, `unknown_split`, `invalid_options`; ConnectionError
   */
  transitions(params: Params<'transitions'> = {}, options: TransitionStreamOptions = {}) {
    return streamTransitions(this, params, options)
  }

  /** The data sets of the server. */
  async datasets(): Promise<Result<'datasets'>['datasets']> {
    return (await this.request('datasets', {})).datasets
  }

  /** Round trip, ms. */
  async ping(): Promise<number> {
    const start = performance.now()
    await this.request('ping', {})
    return performance.now() - start
  }

  /** Any operation of the protocol. @throws ProtocolError, ConnectionError */
  request<O extends Operation>(op: O, params: Params<O>, options?: RequestOptions): Promise<Result<O>> {
    return this.#channel.request(op, params, options)
  }

  /** Ends the session and closes the connection. */
  async close(): Promise<void> {
    this.#isClosed = true
    if (this.#channel.isFlowing) await this.request('close', {}).catch(() => {})
    await this.#channel.close()
    this.#end(new ConnectionError('closed', 'the connection was closed', 'connect again'))
  }

  /** Waits for the event of an evaluation, unless it has come already: then the server knows of it. */
  #await(evaluation: number): Promise<DeferredReward> {
    const waiting = this.#awaited.get(evaluation)
    if (waiting !== undefined) return waiting.promise
    let resolve!: (reward: DeferredReward) => void
    let reject!: (error: unknown) => void
    const promise = new Promise<DeferredReward>((yes, no) => ([resolve, reject] = [yes, no]))
    this.#awaited.set(evaluation, { promise, resolve, reject })
    this.#ask(evaluation)
    return promise
  }

  #ask(evaluation: number): void {
    this.request('evaluation', { evaluation }).then(
      (state) => state.state === 'done' && this.#settle(state),
      (error: unknown) => {
        this.#awaited.get(evaluation)?.reject(error)
        this.#awaited.delete(evaluation)
      },
    )
  }

  #hear(event: EvaluationEvent): void {
    if (this.#heard.has(event.evaluation)) return
    this.#heard.add(event.evaluation)
    if (this.#heard.size > this.server.limits['evaluations_kept']) {
      const [oldest] = this.#heard
      this.#heard.delete(oldest)
    }
    this.#settle(event)
    this.#events.emit('evaluation', event)
  }

  #settle({ evaluation, handle, env, reward, outcome, error }: Omit<EvaluationEvent, 'event'>): void {
    const waiting = this.#awaited.get(evaluation)
    if (waiting === undefined) return
    this.#awaited.delete(evaluation)
    if (error !== null) waiting.reject(ProtocolError.fromBody(error))
    else waiting.resolve({ evaluation, handle, env, reward: reward!, outcome: outcome! })
  }

  #end(reason: Error): void {
    for (const { reject } of this.#awaited.values()) reject(reason)
    this.#awaited.clear()
    this.#events.emit('end')
  }

  async #reconnect(lost: ConnectionError): Promise<void> {
    // Losing the new socket, too, fails the greeting on it, and so comes back here as an error below.
    if (this.#isReconnecting) return
    this.#isReconnecting = true
    let reason: Error = lost
    const deadline = performance.now() + this.reconnectMs
    while (!this.#isClosed && performance.now() < deadline) {
      try {
        await this.#channel.open()
        await this.#channel.request('hello', { ...this.greeting, resume: this.server.resume })
        this.#channel.resend()
        this.#isReconnecting = false
        // Their events may have been lost with the connection.
        for (const evaluation of this.#awaited.keys()) this.#ask(evaluation)
        return
      } catch (error) {
        if (error instanceof ProtocolError && !error.retryable) {
          reason = error
          break
        }
      }
      await sleep(RETRY_MS)
    }
    this.#channel.end(reason)
    this.#end(reason)
    await this.#channel.close()
  }
}
