import { setTimeout as sleep } from 'node:timers/promises'
import { ProtocolError } from '../errors.js'
import type { Operation, Params, Result } from '../messages/operations.js'
import type { EnvironmentOptionsInput } from '../messages/options.js'
import { PROTOCOL_VERSION, type Encoding } from '../version.js'
import { Channel, socketUrl } from './channel.js'
import type { ConnectionError } from './connection-error.js'
import { Env } from './env.js'
import type { Requester } from './requester.js'
import { VectorEnv } from './vector-env.js'

export interface ConnectOptions {
  /** Default: msgpack. */
  readonly encoding?: Encoding
  /** Secret the server asks for. */
  readonly token?: string
  /** Name and version of this client, for the server's log. */
  readonly client?: string
  /** Longest wait for an answer, ms; 0: none. Default: 60 s. */
  readonly timeoutMs?: number
  /** How long to try to take the session up again after a lost connection, ms; 0: not at all. Default: 30 s. */
  readonly reconnectMs?: number
}

const RETRY_MS = 200

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

  constructor(
    channel: Channel,
    readonly greeting: Params<'hello'>,
    /** What the server said in its greeting: limits, data sets, elements. */
    readonly server: Result<'hello'>,
    readonly reconnectMs: number,
  ) {
    this.#channel = channel
    channel.window = Math.min(server.limits['requests_in_flight'] ?? 1, server.limits['answers_kept'] ?? 1)
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
  request<O extends Operation>(op: O, params: Params<O>): Promise<Result<O>> {
    return this.#channel.request(op, params)
  }

  /** Ends the session and closes the connection. */
  async close(): Promise<void> {
    this.#isClosed = true
    if (this.#channel.isFlowing) await this.request('close', {}).catch(() => {})
    await this.#channel.close()
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
    await this.#channel.close()
  }
}
