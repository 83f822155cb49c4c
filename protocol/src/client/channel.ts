import { WebSocket } from 'ws'
import { CODECS, type Codec } from '../codec.js'
import { ProtocolError, type ErrorBody } from '../errors.js'
import type { EvaluationEvent, Progress } from '../messages/evaluation.js'
import { MAY_WAIT, type Operation, type Params, type Result } from '../messages/operations.js'
import { SOCKET_PATH, SUBPROTOCOLS, type Encoding } from '../version.js'
import { ConnectionError } from './connection-error.js'
import type { RequestOptions } from './requester.js'

/** Requests under way at a time, until the greeting tells the limits of the server. */
const FIRST_WINDOW = 1

interface Pending {
  readonly op: Operation
  /** `held`: it waits here for its turn; `accepted`: the server has it, and its answer takes as long as it takes. */
  state: 'held' | 'sent' | 'accepted'
  /** Kept until it is answered, to be sent again on a new connection. */
  readonly frame: Uint8Array | string
  readonly resolve: (result: object) => void
  readonly reject: (error: Error) => void
  readonly onProgress: ((progress: Progress) => void) | undefined
  timer: NodeJS.Timeout | null
}

type Message =
  | EvaluationEvent
  | { readonly id: number; readonly accepted: true }
  | { readonly id: number; readonly progress: Progress }
  // The server could not read the id: it may belong to any request that waits.
  | { readonly id: null; readonly ok: false; readonly error: ErrorBody }
  | { readonly id: number; readonly ok: true; readonly result: object }
  | { readonly id: number; readonly ok: false; readonly error: ErrorBody }

/** `http://host:port` and `ws://host:port` alike; the path is /v1 unless one is given. */
export function socketUrl(url: string): URL {
  const text = url.includes('://') ? url : `ws://${url}`
  if (!URL.canParse(text) || !/^(ws|http)s?:$/.test(new URL(text).protocol)) {
    const what = `${JSON.stringify(url)} is no address`
    throw new ConnectionError('connection_refused', what, 'give e.g. ws://127.0.0.1:8787')
  }
  const parsed = new URL(text)
  parsed.protocol = parsed.protocol.replace('http', 'ws')
  parsed.hash = ''
  if (parsed.pathname === '/') parsed.pathname = SOCKET_PATH
  return parsed
}

/** Requests out, answers in, on one socket; knows nothing of what they mean. */
export class Channel {
  readonly #codec: Codec
  readonly #pending = new Map<number, Pending>()
  #socket: WebSocket | null = null
  /** `held`: requests wait for a new socket; `over`: there will be none. */
  #state: 'flowing' | 'held' | 'over' = 'flowing'
  #nextId = 1
  /** Requests sent and not heard of, and those the server has accepted. */
  #counts = { sent: 0, accepted: 0 }
  /** Requests waiting for their turn, first come first served. */
  #queue: number[] = []
  /**
   * Most requests sent and not heard of; others wait here. No more than the answers that the server keeps: what it has
   * forgotten it would carry out twice when it is sent again.
   */
  window = FIRST_WINDOW
  /** Most requests without an answer, those that the server has accepted included. */
  mostInFlight = FIRST_WINDOW
  /** The server gives a sign of life at least this often, ms; when it has not for twice as long the socket is dead. */
  heartbeatMs = Infinity
  #heard = 0
  #watch: NodeJS.Timeout | null = null
  /** Called with what the server says unasked. */
  onEvent: (event: EvaluationEvent) => void = () => {}
  /** Called when the socket is gone without having been closed by this side; until `resend` requests are held. */
  onLost: (error: ConnectionError) => void = () => {}

  constructor(
    readonly url: URL,
    readonly encoding: Encoding,
    readonly timeoutMs: number,
  ) {
    this.#codec = CODECS[encoding]
  }

  /** Opens the socket. @throws ConnectionError `connection_refused`, `handshake_refused` */
  open(): Promise<void> {
    const socket = new WebSocket(this.url, SUBPROTOCOLS[this.encoding], {
      perMessageDeflate: false,
      maxPayload: 0,
      handshakeTimeout: this.timeoutMs,
    })
    return new Promise((resolve, reject) => {
      socket.once('unexpected-response', (_request, response) => {
        response.resume()
        const what = `${this.url.href} refused the connection with HTTP ${response.statusCode}`
        reject(
          new ConnectionError('handshake_refused', what, 'check the address and that a unitcell server runs there'),
        )
      })
      socket.on('error', (error) => {
        const what = `no connection to ${this.url.href}: ${error.message || 'refused'}`
        reject(new ConnectionError('connection_refused', what, 'start a server: unitcell-env serve'))
      })
      socket.once('open', () => {
        this.#socket = socket
        this.#heard = performance.now()
        socket.on('message', (data: Buffer) => this.#receive(data))
        socket.on('ping', () => (this.#heard = performance.now()))
        socket.once('close', (code, reason) => this.#closed(socket, code, reason.toString()))
        resolve()
      })
    })
  }

  /** Whether a request would go out at once. */
  get isFlowing(): boolean {
    return this.#state === 'flowing' && this.#socket !== null
  }

  /** Sends a request. @throws ProtocolError what the server answered; ConnectionError; the reason of the signal */
  request<O extends Operation>(op: O, params: Params<O>, options: RequestOptions = {}): Promise<Result<O>> {
    const { signal, onProgress } = options
    if (signal?.aborted) return Promise.reject(signal.reason as Error)
    const id = this.#nextId++
    const frame = this.#codec.encode({ id, op, ...params })
    const answer = new Promise<object>((resolve, reject) => {
      if (this.#state === 'over') {
        reject(new ConnectionError('closed', 'the connection is closed', 'connect again'))
        return
      }
      const pending: Pending = { op, frame, state: 'held', resolve, reject, onProgress, timer: null }
      this.#pending.set(id, pending)
      // The greeting goes before what is held.
      if (op === 'hello' || (this.#state === 'flowing' && this.#mayGo(op))) this.#send(id, pending)
      else this.#queue.push(id)
    }) as Promise<Result<O>>
    return signal === undefined ? answer : this.#cancellable(id, answer, signal)
  }

  /** The answer to a request that its signal withdraws: here where it was not sent yet, else at the server. */
  #cancellable<T>(id: number, answer: Promise<T>, signal: AbortSignal): Promise<T> {
    const cancel = () => {
      const pending = this.#pending.get(id)
      if (pending?.state === 'held') this.#take(id)!.reject(signal.reason as Error)
      else if (pending !== undefined) this.request('cancel', { request: id }).catch(() => {})
    }
    signal.addEventListener('abort', cancel, { once: true })
    return answer
      .catch((error: unknown) => {
        const isOurs = signal.aborted && error instanceof ProtocolError && error.code === 'cancelled'
        throw isOurs ? signal.reason : error
      })
      .finally(() => signal.removeEventListener('abort', cancel))
  }

  /** Sends what was not answered yet once more, after a new socket took the session up again. */
  resend(): void {
    this.#state = 'flowing'
    this.#counts = { sent: 0, accepted: 0 }
    this.#queue = [...this.#pending.keys()]
    for (const pending of this.#pending.values()) {
      stopTimer(pending)
      pending.state = 'held'
    }
    this.#sendQueued()
  }

  /** Fails every request that waits, and those to come. */
  end(error: Error): void {
    this.#state = 'over'
    for (const id of this.#pending.keys()) this.#take(id)?.reject(error)
  }

  close(): Promise<void> {
    const socket = this.#socket
    this.#socket = null
    this.#stopWatch()
    this.end(new ConnectionError('closed', 'the connection was closed', 'connect again'))
    if (socket === null || socket.readyState === WebSocket.CLOSED) return Promise.resolve()
    return new Promise((resolve) => {
      socket.once('close', () => resolve())
      socket.close()
    })
  }

  #mayGo(op: Operation): boolean {
    const { sent, accepted } = this.#counts
    return sent < this.window && (!MAY_WAIT.has(op) || sent + accepted < this.mostInFlight)
  }

  #send(id: number, pending: Pending): void {
    pending.state = 'sent'
    this.#counts.sent++
    if (this.timeoutMs > 0) pending.timer = setTimeout(() => this.#timeOut(id, pending.op), this.timeoutMs)
    this.#socket?.send(pending.frame)
  }

  #sendQueued(): void {
    if (this.#state !== 'flowing' || this.#queue.length === 0) return
    // One that may not go yet does not hold up those behind it that never wait at the server, such as `cancel`.
    const left: number[] = []
    for (const [place, id] of this.#queue.entries()) {
      if (this.#counts.sent >= this.window) {
        left.push(...this.#queue.slice(place))
        break
      }
      const pending = this.#pending.get(id)
      if (pending === undefined) continue
      if (this.#mayGo(pending.op)) this.#send(id, pending)
      else left.push(id)
    }
    this.#queue = left
  }

  #abandonSent(error: Error): void {
    const sent = [...this.#pending].filter(([, { state }]) => state === 'sent')
    for (const [id] of sent) this.#take(id)?.reject(error)
  }

  #timeOut(id: number, op: string): void {
    const what = `no answer to ${op} within ${this.timeoutMs / 1000} s`
    this.#take(id)?.reject(new ConnectionError('timeout', what, 'raise timeoutMs, or look at the server'))
  }

  #take(id: number): Pending | undefined {
    const pending = this.#pending.get(id)
    if (pending === undefined) return undefined
    this.#pending.delete(id)
    stopTimer(pending)
    if (pending.state !== 'held') this.#counts[pending.state]--
    if (this.#queue.length > 0) this.#sendQueued()
    return pending
  }

  #receive(data: Buffer): void {
    this.#heard = performance.now()
    const message = this.#codec.decode(data) as unknown as Message
    if ('ok' in message) this.#answered(message)
    else if ('progress' in message) this.#pending.get(message.id)?.onProgress?.(message.progress)
    else if ('accepted' in message) this.#accepted(message.id)
    else this.onEvent(message)
  }

  #accepted(id: number): void {
    const pending = this.#pending.get(id)
    if (pending?.state !== 'sent') return
    stopTimer(pending)
    pending.state = 'accepted'
    this.#counts.sent--
    this.#counts.accepted++
    if (this.#queue.length > 0) this.#sendQueued()
    this.#startWatch()
  }

  #answered(answer: Extract<Message, { ok: boolean }>): void {
    if (answer.id === null) {
      this.#abandonSent(ProtocolError.fromBody(answer.error))
      return
    }
    const pending = this.#take(answer.id)
    if (answer.ok) pending?.resolve(answer.result)
    else pending?.reject(ProtocolError.fromBody(answer.error))
  }

  /** While something may take long: tells a server that works from a connection that is dead. */
  #startWatch(): void {
    if (this.#watch !== null || this.heartbeatMs === Infinity) return
    const isSilent = () => performance.now() - this.#heard > 2.5 * this.heartbeatMs
    const look = () => {
      if (this.#counts.accepted === 0) this.#stopWatch()
      // Looked at again when what lies in the socket has been read: it may be this process that was busy.
      else if (isSilent()) setImmediate(() => isSilent() && this.#socket?.terminate())
    }
    this.#watch = setInterval(look, this.heartbeatMs)
  }

  #stopWatch(): void {
    if (this.#watch !== null) clearInterval(this.#watch)
    this.#watch = null
  }

  #closed(socket: WebSocket, code: number, reason: string): void {
    if (this.#socket !== socket) return
    this.#socket = null
    if (this.#state === 'flowing') this.#state = 'held'
    const what = `the connection to ${this.url.href} is lost (${code}${reason === '' ? '' : `, ${reason}`})`
    const error = new ConnectionError('connection_lost', what, 'look whether the server still runs')
    // A greeting belongs to its connection: another one begins with its own.
    for (const [id, { op }] of this.#pending) if (op === 'hello') this.#take(id)?.reject(error)
    this.onLost(error)
  }
}

function stopTimer(pending: Pending): void {
  if (pending.timer !== null) clearTimeout(pending.timer)
  pending.timer = null
}
