/** Why a client has no server: `connection_refused`, `handshake_refused`, `connection_lost`, `closed`, `timeout`. */
export type ConnectionErrorCode = 'connection_refused' | 'handshake_refused' | 'connection_lost' | 'closed' | 'timeout'

/** The server cannot be reached, or not any more. The message reads `<what> (<how to mend it>)`. */
export class ConnectionError extends Error {
  override readonly name = 'ConnectionError'

  constructor(
    readonly code: ConnectionErrorCode,
    what: string,
    fix: string,
  ) {
    super(`${what} (${fix})`)
  }
}
