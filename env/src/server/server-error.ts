/** Why a server cannot start. */
export type ServerErrorCode = 'duplicate_dataset' | 'cannot_listen'

/** The server cannot start as it was told to. The message reads `<what> (<how to mend it>)`. */
export class ServerError extends Error {
  override readonly name = 'ServerError'

  constructor(
    readonly code: ServerErrorCode,
    what: string,
    fix: string,
    options?: ErrorOptions,
  ) {
    super(`${what} (${fix})`, options)
  }
}

const ADVICE: Readonly<Record<string, string>> = {
  EADDRINUSE: 'another program listens there: stop it, or choose another --port; 0 takes any free one',
  EACCES: 'choose a --port above 1023',
  EADDRNOTAVAIL: 'this machine has no such address: choose another --host, e.g. 127.0.0.1',
  ENOTFOUND: 'no such name is known: choose another --host, e.g. 127.0.0.1',
}

/** The error of a socket that cannot be bound, in words. */
export function cannotListen(error: NodeJS.ErrnoException, host: string, port: number): ServerError {
  const code = error.code ?? error.message
  const advice = ADVICE[code] ?? 'choose another --host or --port'
  return new ServerError('cannot_listen', `cannot listen on ${host}:${port}: ${code}`, advice, { cause: error })
}
