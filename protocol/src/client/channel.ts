import { WebSocket } from 'ws'
import { CODECS, type Codec } from '../codec.js'
import { ProtocolError, type ErrorBody } from '../errors.js'
import type { Operation, Params, Result } from '../messages/operations.js'
import { SOCKET_PATH, SUBPROTOCOLS, type Encoding } from '../version.js'
import { ConnectionError } from './connection-error.js'

interface Pending {
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
  let parsed: URL
  try {
    parsed = new URL(url.includes('://') ? url : `ws://${url}`)
  } catch {
    throw new ConnectionError(
      'connection_refused',
      `${JSON.stringify(url)} is no address`,
      'give e.g. ws://127.0.0.1:8787',
    )
  }
  parsed.protocol = parsed.protocol.replace('http', 'ws')
  if (parsed.pathname === '/') parsed.pathname = SOCKET_PATH
  return parsed
}

/** Requests out, answers in, on one socket; knows nothing of what they mean. */
export class Channel {
  readonly #codec: Codec
  readonly #pending = new Map<number, Pending>()
  #socket: WebSocket | null = null
  #nextId = 1
  /** Called when the socket is gone without having been closed by this side. */
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
      socket.once('error', (error) => {
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

  /** Sends a request. @throws ProtocolError what the server answered; ConnectionError */
  request<O extends Operation>(op: O, params: Params<O>): Promise<Result<O>> {
    const id = this.#nextId++
    const frame = this.#codec.encode({ id, op, ...params })
    return new Promise<object>((resolve, reject) => {
      if (this.#socket === null) {
        reject(new ConnectionError('closed', 'the connection is closed', 'connect again'))
        return
      }
      this.#pending.set(id, { frame, resolve, reject, timer: this.#startTimer(id, op) })
      this.#socket.send(frame)
    }) as Promise<Result<O>>
  }

  /** Sends what was not answered yet once more, after a new socket took the session up again. */
  resend(): void {
    for (const { frame } of this.#pending.values()) this.#socket?.send(frame)
  }

  /** Fails every request that waits. */
  abandon(error: Error): void {
    const waiting = [...this.#pending.keys()]
    for (const id of waiting) this.#take(id)?.reject(error)
  }

  close(): Promise<void> {
    const socket = this.#socket
    this.#socket = null
    this.abandon(new ConnectionError('closed', 'the connection was closed', 'connect again'))
    if (socket === null || socket.readyState === WebSocket.CLOSED) return Promise.resolve()
    return new Promise((resolve) => {
      socket.once('close', () => resolve())
      socket.close()
    })
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
    this.#pending.delete(id)
    if (pending?.timer) clearTimeout(pending.timer)
    return pending
  }

  #receive(data: Buffer): void {
    const answer = this.#codec.decode(data) as unknown as Answer
    if (answer.id === null) {
      this.abandon(ProtocolError.fromBody(answer.error))
      return
    }
    const pending = this.#take(answer.id)
    if (answer.ok) pending?.resolve(answer.result)
    else pending?.reject(ProtocolError.fromBody(answer.error))
  }

  #closed(socket: WebSocket, code: number, reason: string): void {
    if (this.#socket !== socket) return
    this.#socket = null
    const what = `the connection to ${this.url.href} is lost (${code}${reason === '' ? '' : `, ${reason}`})`
    this.onLost(new ConnectionError('connection_lost', what, 'look whether the server still runs'))
  }
}
