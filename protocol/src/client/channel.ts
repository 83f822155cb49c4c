import { WebSocket } from 'ws'
import { CODECS, type Codec } from '../codec.js'
import { ProtocolError, type ErrorBody } from '../errors.js'
import type { Operation, Params, Result } from '../messages/operations.js'
import { SOCKET_PATH, SUBPROTOCOLS, type Encoding } from '../version.js'
import { ConnectionError } from './connection-error.js'

/** Requests under way at a time, until the greeting tells the limits of the server. */
const FIRST_WINDOW = 1

interface Pending {
  readonly op: Operation
  /** Whether it is on its way; else it waits for its turn. */
  isSent: boolean
  /** Kept until it is answered, to be sent again on a new connection. */
  readonly frame: Uint8Array | string
  readonly resolve: (result: object) => void
  readonly reject: (error: Error) => void
  readonly timer: NodeJS.Timeout | null
}

type Answer =
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
  #underWay = 0
  /** Requests waiting for their turn, first come first served. */
  #queue: number[] = []
  /**
   * Most requests under way at a time; others wait here. No more than the answers that the server keeps: what it has
   * forgotten it would carry out twice when it is sent again.
   */
  window = FIRST_WINDOW
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
        socket.on('message', (data: Buffer) => this.#receive(data))
        socket.once('close', (code, reason) => this.#closed(socket, code, reason.toString()))
        resolve()
      })
    })
  }

  /** Whether a request would go out at once. */
  get isFlowing(): boolean {
    return this.#state === 'flowing' && this.#socket !== null
  }

  /** Sends a request. @throws ProtocolError what the server answered; ConnectionError */
  request<O extends Operation>(op: O, params: Params<O>): Promise<Result<O>> {
    const id = this.#nextId++
    const frame = this.#codec.encode({ id, op, ...params })
    return new Promise<object>((resolve, reject) => {
      if (this.#state === 'over') {
        reject(new ConnectionError('closed', 'the connection is closed', 'connect again'))
        return
      }
      const pending = { op, frame, isSent: false, resolve, reject, timer: this.#startTimer(id, op) }
      this.#pending.set(id, pending)
      // The greeting goes before what is held.
      if (op === 'hello' || (this.#state === 'flowing' && this.#underWay < this.window)) this.#send(pending)
      else this.#queue.push(id)
    }) as Promise<Result<O>>
  }

  /** Sends what was not answered yet once more, after a new socket took the session up again. */
  resend(): void {
    this.#state = 'flowing'
    this.#underWay = 0
    this.#queue = [...this.#pending.keys()]
    for (const pending of this.#pending.values()) pending.isSent = false
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
    this.end(new ConnectionError('closed', 'the connection was closed', 'connect again'))
    if (socket === null || socket.readyState === WebSocket.CLOSED) return Promise.resolve()
    return new Promise((resolve) => {
      socket.once('close', () => resolve())
      socket.close()
    })
  }

  #send(pending: Pending): void {
    pending.isSent = true
    this.#underWay++
    this.#socket?.send(pending.frame)
  }

  #sendQueued(): void {
    while (this.#state === 'flowing' && this.#underWay < this.window && this.#queue.length > 0) {
      const pending = this.#pending.get(this.#queue.shift()!)
      if (pending !== undefined) this.#send(pending)
    }
  }

  #abandonSent(error: Error): void {
    const sent = [...this.#pending].filter(([, { isSent }]) => isSent)
    for (const [id] of sent) this.#take(id)?.reject(error)
  }

  #startTimer(id: number, op: string): NodeJS.Timeout | null {
    if (this.timeoutMs === 0) return null
    return setTimeout(() => {
      const what = `no answer to ${op} within ${this.timeoutMs / 1000} s`
      this.#take(id)?.reject(new ConnectionError('timeout', what, 'raise timeoutMs, or look at the server'))
    }, this.timeoutMs)
  }

  #take(id: number): Pending | undefined {
    const pending = this.#pending.get(id)
    if (pending === undefined) return undefined
    this.#pending.delete(id)
    if (pending.timer !== null) clearTimeout(pending.timer)
    if (pending.isSent) this.#underWay--
    if (this.#queue.length > 0) this.#sendQueued()
    return pending
  }

  #receive(data: Buffer): void {
    const answer = this.#codec.decode(data) as unknown as Answer
    if (answer.id === null) {
      this.#abandonSent(ProtocolError.fromBody(answer.error))
      return
    }
    const pending = this.#take(answer.id)
    if (answer.ok) pending?.resolve(answer.result)
    else pending?.reject(ProtocolError.fromBody(answer.error))
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
