import { once } from 'node:events'
import {
  CODECS,
  SUBPROTOCOLS,
  type Encoding,
  type ErrorBody,
  type EvaluationEvent,
  type Limits,
  type Operation,
  type Params,
  type Progress,
  type Result,
} from '@unitcell/protocol'
import { CrystalDataSet } from '@unitcell/datasets'
import { EnvironmentServer, type ServerOptions } from '@unitcell/env'
import { afterAll } from 'vitest'
import { WebSocket } from 'ws'
import { checkAnswer, checkOther, checkRequest } from './schema-check.js'

/** Starts a server in this process; it is stopped after the file's tests. */
export async function startServer(options: Partial<ServerOptions> = {}): Promise<EnvironmentServer> {
  const datasets = options.datasets ?? [await CrystalDataSet.openBuiltin()]
  const server = await EnvironmentServer.start({ logLevel: 'silent', ...options, datasets })
  afterAll(() => server.stop())
  return server
}

export const withLimits = (limits: Partial<Limits>) => startServer({ limits })

export type Answer =
  | { readonly id: number | string; readonly ok: true; readonly result: Record<string, unknown> }
  | { readonly id: number | string | null; readonly ok: false; readonly error: ErrorBody }

/** What a server says that is no answer. */
export type Notice =
  | { readonly id: number | string; readonly accepted: true }
  | { readonly id: number | string; readonly progress: Progress }
  | EvaluationEvent

/** A bare socket that speaks the wire without the client of the project. */
export class Peer {
  /** Every frame that came in. */
  readonly frames: Buffer[] = []
  /** Those of them that were no answer. */
  readonly notices: Notice[] = []
  #watchers: (() => void)[] = []
  readonly #codec
  readonly #waiting: ((answer: Answer) => void)[] = []
  readonly #arrived: Answer[] = []
  /** Requests that wait for their answer, by id. */
  readonly #asked = new Map<number | string, (answer: Answer, frame: Buffer) => void>()
  readonly closed: Promise<{ code: number; reason: string }>
  #nextId = 1

  private constructor(
    readonly socket: WebSocket,
    readonly encoding: Encoding,
  ) {
    this.#codec = CODECS[encoding]
    socket.on('message', (data: Buffer) => this.#receive(data))
    this.closed = once(socket, 'close').then(([code, reason]) => ({
      code: code as number,
      reason: String(reason as Buffer),
    }))
  }

  /** Connects without a greeting. */
  static async open(url: string, encoding: Encoding = 'json'): Promise<Peer> {
    const socket = new WebSocket(url, SUBPROTOCOLS[encoding], { perMessageDeflate: false })
    await once(socket, 'open')
    return new Peer(socket, encoding)
  }

  /** Connects and greets. */
  static async greet(url: string, encoding: Encoding = 'json', fields: object = {}): Promise<Peer> {
    const peer = await Peer.open(url, encoding)
    await peer.result('hello', { protocol: '1.0', client: 'test', ...fields })
    return peer
  }

  #receive(data: Buffer): void {
    this.frames.push(Buffer.from(data))
    const message = this.#codec.decode(data)
    for (const watcher of this.#watchers.splice(0)) setImmediate(watcher)
    if (!('ok' in message)) {
      if (this.encoding === 'json') checkOther(JSON.parse(String(data)) as object)
      this.notices.push(message as unknown as Notice)
      return
    }
    const answer = message as unknown as Answer
    const asked = answer.id === null ? undefined : this.#asked.get(answer.id)
    if (asked !== undefined) {
      this.#asked.delete(answer.id!)
      asked(answer, data)
      return
    }
    const taker = this.#waiting.shift()
    if (taker === undefined) this.#arrived.push(answer)
    else taker(answer)
  }

  /** The next answer that comes in to a frame sent as it is. */
  next(): Promise<Answer> {
    const arrived = this.#arrived.shift()
    if (arrived !== undefined) return Promise.resolve(arrived)
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  /** The first notice of a kind that has come or comes. */
  async notice<T extends Notice>(isIt: (notice: Notice) => notice is T): Promise<T> {
    for (;;) {
      const found = this.notices.find(isIt)
      if (found !== undefined) return found
      await new Promise<void>((resolve) => this.#watchers.push(resolve))
    }
  }

  /** The event of a deferred evaluation. */
  event(evaluation: number): Promise<EvaluationEvent> {
    return this.notice((notice): notice is EvaluationEvent => 'event' in notice && notice.evaluation === evaluation)
  }

  encode(message: object): Uint8Array | string {
    return this.#codec.encode(message)
  }

  /** Sends a frame as it is, and waits for the next answer. */
  sendFrame(frame: Uint8Array | string): Promise<Answer> {
    this.socket.send(frame)
    return this.next()
  }

  /** Sends a message of any kind; in JSON what goes and comes is held against the published schema. */
  send(message: Readonly<Record<string, unknown>>): Promise<Answer> {
    const frame = this.encode(message)
    const answer = new Promise<Answer>((resolve, reject) => {
      this.#asked.set(message.id as number | string, (answer, answerFrame) => {
        try {
          if (this.encoding === 'json') {
            checkAnswer(message.op, JSON.parse(String(answerFrame)) as Answer)
            if (answer.ok) checkRequest(JSON.parse(frame as string) as object)
          }
          resolve(answer)
        } catch (error) {
          reject(error as Error)
        }
      })
    })
    this.socket.send(frame)
    return answer
  }

  request(op: string, fields: object = {}): Promise<Answer> {
    return this.send({ id: this.#nextId++, op, ...fields })
  }

  /** The result of a request that succeeds. */
  async result<O extends Operation>(op: O, fields: Params<O>): Promise<Result<O>> {
    const answer = await this.request(op, fields)
    if (answer.ok) return answer.result as Result<O>
    throw new Error(`${op} failed: ${answer.error.code}: ${answer.error.message}`)
  }

  /** The error of a request that fails. */
  async error(op: string, fields: object = {}): Promise<ErrorBody> {
    const answer = await this.request(op, fields)
    if (!answer.ok) return answer.error
    throw new Error(`${op} succeeded: ${JSON.stringify(answer.result)}`)
  }

  /** Closes politely; the session waits to be resumed. */
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
