import { once } from 'node:events'
import {
  CODECS,
  SUBPROTOCOLS,
  type Encoding,
  type ErrorBody,
  type Limits,
  type Operation,
  type Params,
  type Result,
} from '@unitcell/protocol'
import { CrystalDataSet } from '@unitcell/datasets'
import { EnvironmentServer, type ServerOptions } from '@unitcell/env'
import { afterAll } from 'vitest'
import { WebSocket } from 'ws'
import { checkAnswer, checkRequest } from './schema-check.js'

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

/** A bare socket that speaks the wire without the client of the project. */
export class Peer {
  /** Every frame that came in. */
  readonly frames: Buffer[] = []
  readonly #codec
  readonly #waiting: ((answer: Answer) => void)[] = []
  readonly #arrived: Answer[] = []
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
    const answer = this.#codec.decode(data) as unknown as Answer
    const taker = this.#waiting.shift()
    if (taker === undefined) this.#arrived.push(answer)
    else taker(answer)
  }

  /** The next answer that comes in. */
  next(): Promise<Answer> {
    const arrived = this.#arrived.shift()
    if (arrived !== undefined) return Promise.resolve(arrived)
    return new Promise((resolve) => this.#waiting.push(resolve))
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
  async send(message: Readonly<Record<string, unknown>>): Promise<Answer> {
    const frame = this.encode(message)
    const answer = await this.sendFrame(frame)
    if (this.encoding === 'json') {
      checkAnswer(message.op, JSON.parse(String(this.frames.at(-1))) as Answer)
      if (answer.ok) checkRequest(JSON.parse(frame as string) as object)
    }
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
