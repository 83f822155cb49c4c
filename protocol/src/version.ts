/** Version of the wire, `major.minor`. The same major understands each other; a higher minor only adds. */
export const PROTOCOL_VERSION = '1.0'

export const SUBPROTOCOLS = { msgpack: 'unitcell.v1.msgpack', json: 'unitcell.v1.json' } as const

/** How messages become frames: MessagePack in binary frames, or JSON in text frames. */
export type Encoding = keyof typeof SUBPROTOCOLS

/** Path of the WebSocket. */
export const SOCKET_PATH = '/v1'

/** Major number of a version `major.minor`. */
export function majorOf(version: string): number {
  return Number.parseInt(version, 10)
}
