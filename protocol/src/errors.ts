/**
 * Every error of the wire, in one table: code -> [may the same request succeed later?, what it means and what to do].
 * An answer carries `{code, message, retryable, details}`; the message is about the one case, the table about the code.
 */
export const ERRORS = {
  malformed_frame: [
    false,
    'The frame is no message of the chosen subprotocol. Send one map per frame, encoded as negotiated.',
  ],
  frame_too_large: [false, 'The frame exceeds limits.frame_bytes. Split the request.'],
  invalid_message: [false, 'A field is missing, unknown or of a wrong type; details.issues lists them.'],
  unknown_op: [false, 'There is no such operation; details.known lists them.'],
  hello_required: [false, 'The first message of a connection is hello.'],
  already_greeted: [false, 'hello was answered on this connection already.'],
  version_mismatch: [false, 'Client and server speak different major versions; use the same.'],
  unauthorized: [false, 'The server wants a token (hello.token), and this is not it.'],
  unknown_session: [
    false,
    'No session has this resume token (any more): its grace time is over, or the server was restarted.',
  ],

  too_many_sessions: [true, 'limits.sessions is reached; try again later.'],
  too_many_handles: [false, 'limits.handles_per_session is reached; close some.'],
  too_many_environments: [false, 'limits.environments_per_session is reached; close some or make fewer.'],
  too_many_requests: [true, 'limits.requests_in_flight is reached; wait for answers, or cancel some.'],
  too_many_evaluations: [
    true,
    'limits.evaluations_in_flight is reached; wait for evaluations, or cancel some. Nothing changed.',
  ],
  episode_rate: [true, 'limits.episodes_per_second is exceeded; wait details.retry_after_seconds.'],
  duplicate_id: [false, 'The request id was used for another request a moment ago; ids of a session are unique.'],
  unknown_environment: [false, 'There is no such environment; details.known lists them.'],
  unknown_handle: [false, 'The handle was never made in this session, or is closed.'],
  unknown_evaluation: [false, 'The session never made that evaluation, or has forgotten it (limits.evaluations_kept).'],
  unknown_dataset: [false, 'The server has no such data set; details.known lists them.'],
  unknown_split: [false, 'The data set has no such split; details.known lists them.'],
  unknown_crystal: [false, 'The data set has no such crystal.'],
  invalid_options: [false, 'The options do not fit together or do not fit the environment.'],
  invalid_structure: [false, 'The inline structure is no sound crystal; details.reason says why.'],
  invalid_action: [
    false,
    'An action is no element index 0..87, or their number is not that of the environments. Nothing changed.',
  ],
  masked_action: [false, 'The action is excluded by the constraints of the environment (see mask). Nothing changed.'],
  reset_needed: [false, 'The environment has no episode yet; call reset first.'],
  episode_over: [false, 'The episode has ended; call reset. Nothing changed.'],
  cancelled: [false, 'The request or evaluation was withdrawn by cancel, or its handle was closed. Nothing changed.'],
  evaluation_unavailable: [
    true,
    'The machine, not the crystal, is why there is no evaluation; details.reason names it. Nothing changed.',
  ],
  shutting_down: [true, 'The server is stopping; connect again later.'],
  internal: [false, 'The server failed in a way it should not; details.report identifies it in its log.'],
} as const satisfies Record<string, readonly [boolean, string]>

export type ErrorCode = keyof typeof ERRORS

/** What an answer with `ok: false` carries. */
export interface ErrorBody {
  readonly code: ErrorCode
  readonly message: string
  readonly retryable: boolean
  readonly details: Readonly<Record<string, unknown>>
}

/** An error that crosses, or crossed, the wire. */
export class ProtocolError extends Error {
  override readonly name = 'ProtocolError'

  constructor(
    readonly code: ErrorCode,
    message: string,
    readonly details: Readonly<Record<string, unknown>> = {},
  ) {
    super(message)
  }

  /** Whether the same request may succeed later. */
  get retryable(): boolean {
    return ERRORS[this.code]?.[0] ?? false
  }

  /** What to do about it, for a person: what there is instead, or what the table says. */
  get advice(): string {
    const { known } = this.details
    return Array.isArray(known) ? `known: ${known.join(', ')}` : (ERRORS[this.code]?.[1] ?? 'see the server')
  }

  toBody(): ErrorBody {
    return { code: this.code, message: this.message, retryable: this.retryable, details: this.details }
  }

  static fromBody(body: ErrorBody): ProtocolError {
    return new ProtocolError(body.code, body.message, body.details)
  }
}
