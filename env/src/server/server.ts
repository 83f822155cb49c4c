import { STATUS_CODES, type IncomingMessage } from 'node:http'
import { isIP, type AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import type { CrystalDataSet } from '@unitcell/datasets'
import {
  DEFAULT_LIMITS,
  inMilliseconds,
  PROTOCOL_VERSION,
  protocolSchema,
  SOCKET_PATH,
  SUBPROTOCOLS,
  type Encoding,
  type Limits,
} from '@unitcell/protocol'
import Fastify, { type FastifyInstance } from 'fastify'
import { WebSocketServer, type WebSocket } from 'ws'
import { PROGRAM_VERSION } from '../version.js'
import { Connection, type ConnectionContext } from './connection.js'
import { DataLibrary } from './data-library.js'
import { registerDatasetRoutes } from './dataset-routes.js'
import { createLogger } from './logger.js'
import { isSame } from './secrets.js'
import { recordedRewards, type RewardSource } from './reward-source.js'
import { cannotListen } from './server-error.js'
import { SessionStore } from './session-store.js'

export interface ServerOptions {
  readonly datasets: readonly CrystalDataSet[]
  /** Default: the recorded labels of the data sets. */
  readonly rewards?: RewardSource
  readonly host?: string
  /** 0: any free port. */
  readonly port?: number
  readonly limits?: Partial<Limits>
  /** Wanted from every client's `hello`. */
  readonly token?: string | null
  /** Origins (`https://host`) of web pages that may connect, next to the server's own. */
  readonly origins?: readonly string[]
  readonly logLevel?: string
}

/** The environment server: a WebSocket at `/v1`, and over HTTP `/health` and `/v1/schema`. */
export class EnvironmentServer {
  readonly #http: FastifyInstance
  readonly #sockets: WebSocketServer
  readonly #heartbeat: NodeJS.Timeout
  readonly #alive = new WeakSet<WebSocket>()

  private constructor(
    readonly context: ConnectionContext,
    readonly options: ServerOptions,
  ) {
    const { limits } = context.sessions
    this.#sockets = new WebSocketServer({
      noServer: true,
      maxPayload: limits.frame_bytes_hard,
      perMessageDeflate: false,
      // The codec does it, and answers with an error where `ws` would close the connection.
      skipUTF8Validation: true,
      handleProtocols: (offered) => Object.values(SUBPROTOCOLS).find((name) => offered.has(name)) ?? false,
    })
    this.#http = this.#createHttp()
    this.#http.server.on('upgrade', (request, socket, head) => this.#upgrade(request, socket, head))
    this.#heartbeat = setInterval(() => this.#beat(), inMilliseconds(limits.heartbeat_seconds)).unref()
  }

  /** Starts listening. @throws ServerError `cannot_listen`, `duplicate_dataset` */
  static async start(options: ServerOptions): Promise<EnvironmentServer> {
    const limits = { ...DEFAULT_LIMITS, ...options.limits }
    const logger = createLogger(options.logLevel ?? 'warn')
    const rewards = options.rewards ?? recordedRewards
    const data = new DataLibrary(options.datasets, (dataset) => rewards.evaluatorOf(dataset))
    const context = {
      sessions: new SessionStore(data, limits, logger),
      server: { name: 'unitcell', version: PROGRAM_VERSION },
      token: options.token ?? null,
      logger,
    }
    const server = new EnvironmentServer(context, options)
    const { host = '127.0.0.1', port = 0 } = options
    try {
      await server.#http.listen({ host, port })
    } catch (error) {
      await server.stop()
      throw cannotListen(error as NodeJS.ErrnoException, host, port)
    }
    return server
  }

  /** Where clients connect, e.g. `ws://127.0.0.1:8787/v1`. */
  get url(): string {
    const { address, family, port } = this.#http.server.address() as AddressInfo
    return `ws://${family === 'IPv6' ? `[${address}]` : address}:${port}${SOCKET_PATH}`
  }

  /** The sockets that are open. */
  get connections(): ReadonlySet<WebSocket> {
    return this.#sockets.clients
  }

  /** Stops: sockets are closed with 1001, sessions end. */
  async stop(): Promise<void> {
    clearInterval(this.#heartbeat)
    for (const socket of this.#sockets.clients) socket.close(1001, 'the server is stopping')
    const patience = setTimeout(() => this.#sockets.clients.forEach((socket) => socket.terminate()), 1000)
    await this.#http.close()
    clearTimeout(patience)
    this.context.sessions.endAll()
  }

  #createHttp(): FastifyInstance {
    const http = Fastify({ logger: false, forceCloseConnections: true })
    const schema = protocolSchema()
    http.get('/health', () => {
      const { sessions } = this.context
      return {
        status: 'ok',
        version: PROGRAM_VERSION,
        protocol: PROTOCOL_VERSION,
        sessions: sessions.size,
        connections: this.#sockets.clients.size,
        datasets: sessions.data.summaries.map(({ name, hash }) => ({ name, hash })),
        dft: (this.options.rewards ?? recordedRewards).calculations,
      }
    })
    http.get(`${SOCKET_PATH}/schema`, () => schema)
    registerDatasetRoutes(http, this.options.datasets, ({ headers }) => {
      const { token } = this.context
      return token === null || isSame(headers.authorization?.replace(/^Bearer /i, '') ?? '', token)
    })
    http.get(SOCKET_PATH, (_request, reply) =>
      reply
        .code(426)
        .header('upgrade', 'websocket')
        .send({ error: `connect a WebSocket to ${SOCKET_PATH}` }),
    )
    return http
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const refusal = this.#refusal(request)
    if (refusal !== null) {
      const [status, reason] = refusal
      // Node took its own listener off; a client that resets the connection now must not bring the server down.
      socket.on('error', () => {})
      socket.end(
        `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nConnection: close\r\nContent-Type: text/plain\r\n` +
          `Content-Length: ${Buffer.byteLength(reason)}\r\n\r\n${reason}`,
      )
      return
    }
    this.#sockets.handleUpgrade(request, socket, head, (client) => {
      this.#alive.add(client)
      client.on('pong', () => this.#alive.add(client))
      client.on('message', () => this.#alive.add(client))
      new Connection(client, encodingOf(client.protocol), this.context)
    })
  }

  #refusal({ url, headers }: IncomingMessage): [status: number, reason: string] | null {
    if (url?.split('?')[0] !== SOCKET_PATH) return [404, `The WebSocket is at ${SOCKET_PATH}.`]
    const { origin, host } = headers
    // A web page elsewhere must not reach a server on this machine through its visitor's browser.
    if (origin !== undefined && !this.#isOwnPage(origin, host) && !this.options.origins?.includes(origin)) {
      return [403, 'Web pages of this origin may not connect; the server allows others by --allow-origin.']
    }
    const offered = headers['sec-websocket-protocol']?.split(',').map((name) => name.trim())
    const known: readonly string[] = Object.values(SUBPROTOCOLS)
    if (offered !== undefined && !offered.some((name) => known.includes(name))) {
      return [400, `Offer a subprotocol this server speaks: ${known.join(' or ')}.`]
    }
    return null
  }

  /**
   * Whether an origin is this server itself, asked for by an address or a name that nobody else can point here: any other
   * name may be a page that had its own name resolved to this machine (DNS rebinding).
   */
  #isOwnPage(origin: string, host: string | undefined): boolean {
    if (host === undefined || origin.replace(/^https?:\/\//, '') !== host) return false
    const name = host.replace(/:\d+$/, '').replace(/^\[|\]$/g, '')
    return isIP(name) !== 0 || name === 'localhost' || name === this.options.host
  }

  /** Reaps sockets that gave no sign of life since the last beat; their sessions wait to be resumed. */
  #beat(): void {
    for (const socket of this.#sockets.clients) {
      if (!this.#alive.delete(socket)) socket.terminate()
      else socket.ping()
    }
  }
}

/** A client that offers no subprotocol speaks JSON, so that a bare `new WebSocket(url)` works. */
function encodingOf(subprotocol: string): Encoding {
  return subprotocol === SUBPROTOCOLS.msgpack ? 'msgpack' : 'json'
}
