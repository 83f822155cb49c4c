/** What is wrong with a network, or with a request to one. Codes are stable; texts may change. */
export type NetworkErrorCode =
  /** The engine asked for cannot run on this machine. */
  | 'backend_unavailable'
  /** A configuration that makes no network. */
  | 'bad_architecture'
  /** An option or argument has no sense. */
  | 'bad_argument'
  /** A batch contradicts itself or does not fit the network. */
  | 'bad_batch'
  /** A checkpoint is damaged, or of something else. */
  | 'bad_checkpoint'
  /** There is no checkpoint where one was looked for. */
  | 'no_checkpoint'
  /** The network was disposed of. */
  | 'disposed'

/** The message reads `<what> (<how to mend it>)`. */
export class NetworkError extends Error {
  override readonly name = 'NetworkError'

  constructor(
    readonly code: NetworkErrorCode,
    readonly what: string,
    fix: string,
  ) {
    super(`${what} (${fix})`)
  }
}
