import {
  inMilliseconds,
  ProtocolError,
  type Codec,
  type EvaluationEvent,
  type Limits,
  type Progress,
} from '@unitcell/protocol'
import { AnswerLog, type Frame } from './answer-log.js'
import type { Call } from './call.js'
import { requestError } from './request-error.js'
import type { Logger } from './logger.js'
import type { Session } from './session.js'

type RequestId = number | string

/** The connection that serves a session. */
export interface Link {
  readonly codec: Codec
  send(frame: Frame): void
  /** Ends the connection. */
  disconnect(reason: string): void
}

/** A request that was accepted and waits for its answer. */
interface Waiting {
  readonly request: Uint8Array
  readonly call: Call
  /** What was last heard, by environment; -1 for a single one. */
  readonly progress: Map<number, Progress>
  /** The environments whose progress is to be told next. */
  readonly news: Set<number>
  timer: NodeJS.Timeout | null
}

/** A session and what ties it to connections: what it has answered, what it still owes, and who is there to hear it. */
export class SessionRecord {
  /** Ends the session when its grace time is over. */
  expiry: NodeJS.Timeout | null = null
  readonly #answers: AnswerLog
  /** Answers to requests that had to wait; they are many at a time, and may all have been lost with a connection. */
  readonly #lateAnswers: AnswerLog
  readonly #waiting = new Map<RequestId, Waiting>()
  #link: Link | null = null
  /** Events that no connection, or perhaps only a dead one, has taken: told again when the session is resumed. */
  #untold: { readonly event: EvaluationEvent; readonly at: number }[] = []
  #codec!: Codec

  constructor(
    readonly session: Session,
    readonly resumeToken: string,
    readonly limits: Limits,
    readonly logger: Logger,
  ) {
    this.#answers = new AnswerLog(limits.answers_kept)
    this.#lateAnswers = new AnswerLog(limits.requests_in_flight)
    session.onEvent = (event) => this.#tell(event)
  }

  /** A connection takes the session; one it still has is ended. */
  attach(link: Link): void {
    this.#link?.disconnect('the session was resumed on another connection')
    this.#link = link
    this.#codec = link.codec
  }

  /** The connection is gone. */
  detach(): void {
    this.#link = null
  }

  /** Tells what happened while there was no connection, or while it may have been dead already: that comes twice. */
  catchUp(): void {
    for (const { event } of this.#untold) this.#send(event)
  }

  /** The answer given to this request, `waiting` where it is still owed; undefined where it is new. @throws ProtocolError `duplicate_id` */
  recall(id: RequestId, request: Uint8Array): Frame | 'waiting' | undefined {
    const waiting = this.#waiting.get(id)
    if (waiting !== undefined && Buffer.compare(waiting.request, request) === 0) return 'waiting'
    const answer =
      waiting !== undefined ? 'conflict' : (this.#answers.find(id, request) ?? this.#lateAnswers.find(id, request))
    if (answer !== 'conflict') return answer
    throw new ProtocolError('duplicate_id', `id ${JSON.stringify(id)} was used for another request`)
  }

  /** Keeps an answer that was given at once. */
  keep(id: RequestId, request: Uint8Array, answer: Frame): void {
    this.#answers.keep(id, request, answer)
  }

  /** @throws ProtocolError `too_many_requests` unless one more request may wait */
  requireRoom(): void {
    const { requests_in_flight: most } = this.limits
    if (this.#waiting.size < most) return
    throw new ProtocolError('too_many_requests', `${most} requests wait for their answers`)
  }

  /** Takes a request whose answer comes later. */
  await(id: RequestId, request: Uint8Array, call: Call, result: Promise<object>): void {
    const waiting: Waiting = { request: Buffer.from(request), call, progress: new Map(), news: new Set(), timer: null }
    this.#waiting.set(id, waiting)
    this.accept(id)
    call.listen((progress) => this.#hear(id, waiting, progress))
    result.then(
      (result) => this.#answer(id, waiting, { id, ok: true, result }, true),
      (error: unknown) => {
        const known = requestError(error, this.logger)
        this.#answer(id, waiting, { id, ok: false, error: known.toBody() }, !known.retryable)
      },
    )
  }

  /** Says that a request waits, and how far it is; again where it was sent again. */
  accept(id: RequestId): void {
    this.#send({ id, accepted: true })
    const { progress } = this.#waiting.get(id)!
    for (const one of progress.values()) this.#send({ id, progress: one })
  }

  /** Withdraws a request that waits; false where there is none. */
  cancel(id: RequestId): boolean {
    const waiting = this.#waiting.get(id)
    waiting?.call.cancel(new ProtocolError('cancelled', 'the request was cancelled'))
    return waiting !== undefined
  }

  /** Withdraws all that waits: nobody will hear of it. */
  end(): void {
    this.#link = null
    for (const { call } of this.#waiting.values()) {
      call.cancel(new ProtocolError('cancelled', 'the session has ended'))
    }
    this.session.end()
  }

  #answer(id: RequestId, { request, timer }: Waiting, answer: object, isKept: boolean): void {
    if (timer !== null) clearTimeout(timer)
    this.#waiting.delete(id)
    const frame = this.#codec.encode(answer)
    if (isKept) this.#lateAnswers.keep(id, request, frame)
    this.#link?.send(frame)
  }

  /** Progress is told soon, then not more often than the limit says: of a thousand who wait, each hears of every move. */
  #hear(id: RequestId, waiting: Waiting, progress: Progress): void {
    const env = progress.env ?? -1
    const isFirst = waiting.progress.size === 0
    waiting.progress.set(env, progress)
    waiting.news.add(env)
    waiting.timer ??= setTimeout(
      () => {
        waiting.timer = null
        for (const env of waiting.news) this.#send({ id, progress: waiting.progress.get(env)! })
        waiting.news.clear()
      },
      isFirst ? 0 : inMilliseconds(this.limits.progress_seconds),
    )
  }

  #tell(event: EvaluationEvent): void {
    const now = performance.now()
    // A dead connection is found out within two heartbeats.
    const isOld = (at: number) => this.#link !== null && now - at > inMilliseconds(3 * this.limits.heartbeat_seconds)
    while (this.#untold.length > 0 && isOld(this.#untold[0].at)) this.#untold.shift()
    if (this.#untold.push({ event, at: now }) > this.limits.evaluations_kept) this.#untold.shift()
    this.#send(event)
  }

  #send(message: object): void {
    this.#link?.send(this.#codec.encode(message))
  }
}
