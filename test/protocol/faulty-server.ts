import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { CODECS, REQUESTS, SUBPROTOCOLS, type Encoding, type Operation } from '@unitcell/protocol'
import { afterAll } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'

type Message = Record<string, unknown>

/** What a server does wrong: changes to what goes in and what comes out. */
export interface Fault {
  /** The message as the server behind sees it. */
  incoming?(message: Message, connection: Connection): Message
  /** The messages that the client gets in place of one. */
  outgoing?(message: Message, connection: Connection): Message[]
}

export interface Connection {
  isResumed: boolean
  held: Message | null
}

/** The five deliberate faults, each a way in which servers of other protocols have failed their users. */
export const FAULTS: Readonly<Record<string, Fault>> = {
  'answers in the wrong order': {
    outgoing(message, connection) {
      const { result } = message as { result?: { terminated?: unknown } }
      if (result?.terminated === undefined) return [message]
      if (connection.held === null) {
        connection.held = message
        return []
      }
      const held = connection.held
      connection.held = null
      return [message, held]
    },
  },
  'an ignored seed': {
    incoming: (message) => Object.fromEntries(Object.entries(message).filter(([field]) => field !== 'seed')),
  },
  'an unknown field accepted': {
    incoming(message) {
      const known = REQUESTS[message['op'] as Operation]?.shape
      if (known === undefined) return message
      return Object.fromEntries(Object.entries(message).filter(([field]) => field in known))
    },
  },
  'a step taken twice after a resume': {
    incoming(message, connection) {
      if (message['resume'] !== undefined) connection.isResumed = true
      return connection.isResumed && message['op'] === 'step'
        ? { ...message, id: `new ${String(message['id'])}` }
        : message
    },
    outgoing(message) {
      const id = message['id']
      return [typeof id === 'string' && id.startsWith('new ') ? { ...message, id: id.slice(4) } : message]
    },
  },
  'lost progress': {
    outgoing: (message) => ('progress' in message ? [] : [message]),
  },
}

/** A server that has a fault: a sound one behind, whose messages are changed on their way. */
export async function startFaulty(
  url: string,
  { incoming = (message) => message, outgoing = (message) => [message] }: Fault,
) {
  const subprotocols: readonly string[] = Object.values(SUBPROTOCOLS)
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1', handleProtocols: ([first]) => first })
  await once(server, 'listening')
  server.on('connection', (near) => {
    const encoding = Object.keys(SUBPROTOCOLS)[subprotocols.indexOf(near.protocol)] as Encoding
    const codec = CODECS[encoding]
    const connection: Connection = { isResumed: false, held: null }
    const far = new WebSocket(url, near.protocol)
    const isOpen = once(far, 'open')
    near.on('message', async (data: Buffer, isBinary) => {
      await isOpen
      let frame: Uint8Array | string = isBinary ? data : data.toString()
      try {
        frame = codec.encode(incoming(codec.decode(data), connection))
      } catch {
        // No message: goes on as it is.
      }
      far.send(frame)
    })
    far.on('message', (data: Buffer) => {
      for (const message of outgoing(codec.decode(data), connection)) near.send(codec.encode(message))
    })
    near.on('close', () => far.terminate())
    far.on('close', () => near.terminate())
  })
  afterAll(() => {
    for (const client of server.clients) client.terminate()
    server.close()
  })
  return `ws://127.0.0.1:${(server.address() as AddressInfo).port}/v1`
}
