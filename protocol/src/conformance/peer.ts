import { once } from 'node:events'
import { WebSocket } from 'ws'
import { CODECS } from '../codec.js'
import { SUBPROTOCOLS, type Encoding } from '../version.js'

export type Message = Record<string, unknown>

/** Of all connections, because a session that is resumed on another one knows the ids it had. */
let nextId = 1

/** A bare socket that sends what it is told and keeps all that comes, without the client's care. */
export class Peer {
  /** Everything that came in and was not taken yet. */
  readonly inbox: Message[] = []
  readonly closed: Promise<number>
  #wake: () => void = () => {}

  private constructor(
    readonly socket: WebSocket,
    readonly encoding: Encoding,
    readonly patienceMs: number,
  ) {
    socket.on('message', (data: Buffer) => {
      this.inbox.push(CODECS[encoding].decode(data))
      this.#wake()
    })
    socket.on('error', () => {})
    this.closed = once(socket, 'close').then(([code]) => {
      this.#wake()
      return code as number
    })
  }

  /** @throws Error the server cannot be reached */
  static async open(url: string, encoding: Encoding, patienceMs: number): Promise<Peer> {
    const socket = new WebSocket(url, SUBPROTOCOLS[encoding], { perMessageDeflate: false, maxPayload: 0 })
    await once(socket, 'open')
    return new Peer(socket, encoding, patienceMs)
  }

  newId(): number {
    return nextId++
  }

  /** Sends a message; its id is made where it has none. The id. */
  post(message: Message): number | string {
    const id = (message['id'] as number | undefined) ?? this.newId()
    this.postFrame(CODECS[this.encoding].encode({ id, ...message }))
    return id
  }

  postFrame(frame: Uint8Array | string): void {
    this.socket.send(frame)
  }

  /** The first message that is wanted; it is taken out. @throws Error when it does not come in time */
  async take(isWanted: (message: Message) => boolean, what: string): Promise<Message> {
    const deadline = performance.now() + this.patienceMs
    for (;;) {
      const at = this.inbox.findIndex(isWanted)
      if (at >= 0) return this.inbox.splice(at, 1)[0]
      const left = deadline - performance.now()
      if (left <= 0) throw new Error(`${what} did not come within ${this.patienceMs / 1000} s`)
      if (this.socket.readyState !== WebSocket.OPEN) throw new Error(`the server closed the socket before ${what}`)
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left)
        this.#wake = () => (clearTimeout(timer), resolve())
      })
    }
  }

  /** The one answer to a request. */
  answerTo(id: number | string): Promise<Message> {
    return this.take((message) => message['id'] === id && 'ok' in message, `the answer to request ${id}`)
  }

  async ask(message: Message): Promise<Message> {
    return this.answerTo(this.post(message))
  }

  /** The result of a request that has to succeed. */
  async result(op: string, fields: Message = {}): Promise<Message> {
    const answer = await this.ask({ op, ...fields })
    if (answer['ok'] === true) return answer['result'] as Message
    const { code, message } = answer['error'] as Message
    throw new Error(`${op} was refused: ${String(code)}: ${String(message)}`)
  }

  /** The code of the error of a request that has to fail. */
  async refusal(op: string, fields: Message = {}): Promise<string> {
    const answer = await this.ask({ op, ...fields })
    if (answer['ok'] === false) return String((answer['error'] as Message)['code'])
    throw new Error(`${op} with ${JSON.stringify(fields)} was accepted`)
  }

  async close(): Promise<void> {
    this.socket.close()
    await this.closed
  }

  /** Cuts the connection as a broken network would. */
  async cut(): Promise<void> {
    this.socket.terminate()
    await this.closed
  }
}
