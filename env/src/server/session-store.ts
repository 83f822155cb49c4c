import { randomBytes } from 'node:crypto'
import { inMilliseconds, ProtocolError, type Limits } from '@unitcell/protocol'
import type { DataLibrary } from './data-library.js'
import type { Logger } from './logger.js'
import { requestError } from './request-error.js'
import { SessionRecord } from './session-record.js'
import { Session } from './session.js'

/** The sessions of a server, live and waiting to be resumed. */
export class SessionStore {
  readonly #byToken = new Map<string, SessionRecord>()

  constructor(
    readonly data: DataLibrary,
    readonly limits: Limits,
    readonly logger: Logger,
  ) {}

  /** Number of sessions, those without a connection included. */
  get size(): number {
    return this.#byToken.size
  }

  /** @throws ProtocolError `too_many_sessions` */
  open(): SessionRecord {
    if (this.size >= this.limits.sessions) {
      throw new ProtocolError('too_many_sessions', `${this.limits.sessions} sessions are open`)
    }
    const session = new Session(randomBytes(8).toString('hex'), this.data, this.limits, (error) =>
      requestError(error, this.logger).toBody(),
    )
    const token = randomBytes(24).toString('base64url')
    const record = new SessionRecord(session, token, this.limits, this.logger)
    this.#byToken.set(record.resumeToken, record)
    return record
  }

  /** Takes up a session. @throws ProtocolError `unknown_session` */
  resume(token: string): SessionRecord {
    const record = this.#byToken.get(token)
    if (record === undefined) throw new ProtocolError('unknown_session', 'no session has this resume token (any more)')
    if (record.expiry !== null) clearTimeout(record.expiry)
    record.expiry = null
    return record
  }

  /** The connection is gone: the session waits for its grace time to be resumed. */
  release(record: SessionRecord): void {
    record.detach()
    record.expiry = setTimeout(() => this.end(record), inMilliseconds(this.limits.session_grace_seconds))
    record.expiry.unref()
  }

  end(record: SessionRecord): void {
    if (record.expiry !== null) clearTimeout(record.expiry)
    this.#byToken.delete(record.resumeToken)
    record.end()
  }

  /** Ends all sessions. */
  endAll(): void {
    for (const record of [...this.#byToken.values()]) this.end(record)
  }
}
