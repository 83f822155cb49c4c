import { SYMBOLS } from '@unitcell/datasets'
import {
  CODECS,
  majorOf,
  MAY_WAIT,
  parseRequest,
  PROTOCOL_VERSION,
  ProtocolError,
  type Codec,
  type Encoding,
  type Request,
  type Result,
} from '@unitcell/protocol'
import type { WebSocket } from 'ws'
import type { Frame } from './answer-log.js'
import { Call } from './call.js'
import type { Logger } from './logger.js'
import { requestError } from './request-error.js'
import { ENVIRONMENT, type SessionRequest } from './session.js'
import type { SessionRecord } from './session-record.js'
import type { SessionStore } from './session-store.js'
import type { Outcome } from './turns.js'
import { isSame } from './secrets.js'

/** What all connections of a server share. */
export interface ConnectionContext {
  readonly sessions: SessionStore
  readonly server: { readonly name: string; readonly version: string }
  /** Wanted from `hello`; null: none. */
  readonly token: string | null
  readonly logger: Logger
}

/** Close code for a session taken over by another connection (4000-4999 are free for applications). */
const RESUMED_ELSEWHERE = 4001

/** Bytes waiting to be sent at which reading stops until the client has caught up. */
const HIGH_WATER_BYTES = 8 << 20

/** One socket: frames in, frames out, and the session it serves once greeted. */
export class Connection {
  readonly #codec: Codec
  #record: SessionRecord | null = null

  constructor(
    readonly socket: WebSocket,
    encoding: Encoding,
    readonly context: ConnectionContext,
  ) {
    this.#codec = CODECS[encoding]
    socket.on('message', (data: Buffer, isBinary: boolean) => this.#receive(data, isBinary))
    socket.on('close', () => this.#closed())
    socket.on('error', (error) => context.logger.warn({ error: error.message }, 'socket error'))
  }

  #receive(data: Buffer, isBinary: boolean): void {
    // What still comes in after this side began to close belongs to no session any more.
    if (this.socket.readyState !== this.socket.OPEN) return
    let id: number | string | null = null
    try {
      const message = this.#decode(data, isBinary)
      id = readId(message)
      const record = this.#record
      const known = id === null ? undefined : record?.recall(id, data)
      if (known === 'waiting') return record!.accept(id!)
      if (known !== undefined) return this.#send(known)
      const request = parseRequest(message)
      if (MAY_WAIT.has(request.op)) record?.requireRoom()
      const call = new Call()
      const outcome = this.#answer(request, call)
      if (outcome instanceof Promise) return record!.await(request.id, data, call, outcome)
      const frame = this.#codec.encode({ id: request.id, ok: true, result: outcome })
      // Sent first: the client goes on while the answer is kept.
      this.#send(frame)
      record?.keep(request.id, data, frame)
      if (request.op === 'hello') this.#record!.catchUp()
      if (request.op === 'close' && request.handle === undefined) this.#end()
    } catch (error) {
      this.#fail(id, data, error)
    }
  }

  #decode(data: Buffer, isBinary: boolean): Record<string, unknown> {
    const { frame_bytes } = this.context.sessions.limits
    if (data.length > frame_bytes) {
      throw new ProtocolError('frame_too_large', `the frame has ${data.length} bytes, ${frame_bytes} are allowed`)
    }
    if (isBinary !== this.#codec.binary) {
      const wanted = this.#codec.binary ? 'binary frames' : 'text frames'
      throw new ProtocolError('malformed_frame', `the ${this.#codec.encoding} subprotocol uses ${wanted}`)
    }
    try {
      return this.#codec.decode(data)
    } catch (error) {
      throw new ProtocolError('malformed_frame', `no ${this.#codec.encoding} map: ${(error as Error).message}`)
    }
  }

  #answer(request: Request, call: Call): Outcome {
    if (request.op === 'hello') return this.#greet(request)
    if (this.#record === null) throw new ProtocolError('hello_required', `${request.op} before hello`)
    if (request.op === 'cancel') return this.#cancel(request, this.#record)
    return this.#record.session.answer(request satisfies SessionRequest, call)
  }

  #cancel({ request, evaluation }: Request<'cancel'>, record: SessionRecord): Result<'cancel'> {
    if ((request === undefined) === (evaluation === undefined)) {
      throw new ProtocolError('invalid_message', 'cancel: either request or evaluation is needed')
    }
    return { cancelled: request !== undefined ? record.cancel(request) : record.session.cancelEvaluation(evaluation!) }
  }

  #greet(request: Request<'hello'>): Result<'hello'> {
    const { sessions, server, token } = this.context
    if (this.#record !== null)
      throw new ProtocolError('already_greeted', 'hello was answered on this connection already')
    if (majorOf(request.protocol) !== majorOf(PROTOCOL_VERSION)) {
      const fault = `the client speaks protocol ${request.protocol}, this server ${PROTOCOL_VERSION}`
      throw new ProtocolError('version_mismatch', fault, { client: request.protocol, server: PROTOCOL_VERSION })
    }
    if (token !== null && !isSame(request.token ?? '', token)) {
      throw new ProtocolError('unauthorized', request.token === undefined ? 'a token is needed' : 'the token is wrong')
    }
    const record = request.resume === undefined ? sessions.open() : sessions.resume(request.resume)
    record.attach({
      codec: this.#codec,
      send: (frame) => this.#send(frame),
      disconnect: (reason) => {
        this.#record = null
        this.socket.close(RESUMED_ELSEWHERE, reason)
      },
    })
    this.#record = record
    return {
      protocol: PROTOCOL_VERSION,
      server,
      session: record.session.id,
      resume: record.resumeToken,
      resumed: record.session.summaries,
      limits: { ...sessions.limits },
      environments: [ENVIRONMENT],
      datasets: sessions.data.summaries,
      elements: [...SYMBOLS],
    }
  }

  #fail(id: number | string | null, data: Buffer, error: unknown): void {
    const known = requestError(error, this.context.logger)
    const frame = this.#codec.encode({ id, ok: false, error: known.toBody() })
    const repeats = known.retryable || known.code === 'duplicate_id'
    if (id !== null && !repeats) this.#record?.keep(id, data, frame)
    this.#send(frame)
  }

  #send(frame: Frame): void {
    const { socket } = this
    if (socket.readyState !== socket.OPEN) return
    if (socket.bufferedAmount < HIGH_WATER_BYTES) {
      socket.send(frame)
      return
    }
    socket.pause()
    socket.send(frame, () => socket.resume())
  }

  #end(): void {
    if (this.#record !== null) this.context.sessions.end(this.#record)
    this.#record = null
    this.socket.close(1000, 'the session was closed')
  }

  #closed(): void {
    if (this.#record !== null) this.context.sessions.release(this.#record)
    this.#record = null
  }
}

/** The id of a message, where it has one; everything else about the message is checked later. */
function readId(message: Record<string, unknown>): number | string | null {
  const { id } = message
  if (typeof id === 'number' && Number.isSafeInteger(id) && id >= 0) return id
  return typeof id === 'string' && id.length >= 1 && id.length <= 64 ? id : null
}
