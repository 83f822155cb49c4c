/**
 * Every limit of the wire: name, default, and (in errors.ts) the error that tells of it. `hello` sends those in force.
 * A server may be started with others.
 */
export interface Limits {
  /** Bytes of one frame from the client; a larger one is answered with `frame_too_large`. */
  readonly frame_bytes: number
  /** Bytes at which the socket itself gives up: closed with 1009, the session kept for `session_grace_seconds`. */
  readonly frame_bytes_hard: number
  /** Sessions at a time. */
  readonly sessions: number
  /** Handles (environments and vectors) open in a session. */
  readonly handles_per_session: number
  /** Environments in all handles of a session together. */
  readonly environments_per_session: number
  /** Requests of a session that were accepted and wait for their answer. */
  readonly requests_in_flight: number
  /** Evaluations of a session that are not known yet, those of deferred rewards included. */
  readonly evaluations_in_flight: number
  /** Deferred evaluations that a session remembers after their end. */
  readonly evaluations_kept: number
  /** Least time between two messages of progress to one request. */
  readonly progress_seconds: number
  /** Episodes started per second in a session, averaged over ten seconds. */
  readonly episodes_per_second: number
  /** Answers given at once that are kept to be given again after a lost connection; those given late are all kept. */
  readonly answers_kept: number
  /** How long a session outlives its connection. */
  readonly session_grace_seconds: number
  /** The server pings this often; a socket silent for two of them is closed. */
  readonly heartbeat_seconds: number
  /** Sites of a structure sent inline. */
  readonly structure_sites: number
  /** Recorded transitions in one answer. */
  readonly transitions_per_answer: number
}

export const DEFAULT_LIMITS: Limits = {
  frame_bytes: 1 << 20,
  frame_bytes_hard: 1 << 26,
  sessions: 1024,
  handles_per_session: 256,
  environments_per_session: 4096,
  requests_in_flight: 256,
  evaluations_in_flight: 4096,
  evaluations_kept: 4096,
  progress_seconds: 0.5,
  episodes_per_second: 1_000_000,
  answers_kept: 64,
  session_grace_seconds: 600,
  heartbeat_seconds: 20,
  structure_sites: 200,
  transitions_per_answer: 4096,
}

/** Seconds as a delay for a timer, whose 31 bits of milliseconds (25 days) would overflow to none at all. */
export function inMilliseconds(seconds: number): number {
  return Math.min(seconds * 1000, 2 ** 31 - 1)
}
