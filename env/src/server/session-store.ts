import { randomBytes } from 'node:crypto'
import { inMilliseconds, ProtocolError, type Limits } from '@unitcell/protocol'
import { AnswerLog } from './answer-log.js'
import type { DataLibrary } from './data-library.js'
import { Session } from './session.js'

/** A session and what ties it to connections. */
export interface SessionRecord {
  readonly session: Session
  readonly resumeToken: string
  readonly answers: AnswerLog
  /** Ends the connection that serves the session; null while there is none. */
  disconnect: ((reason: string) => void) | null
  /** Ends the session when its grace time is over. */
  expiry: NodeJS.Timeout | null
}

/** The sessions of a server, live and waiting to be resumed. */
export class SessionStore {
  readonly #byToken = new Map<string, SessionRecord>()

  constructor(
    readonly data: DataLibrary,
    readonly limits: Limits,
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
    const record: SessionRecord = {
      session: new Session(randomBytes(8).toString('hex'), this.data, this.limits),
      resumeToken: randomBytes(24).toString('base64url'),
      answers: new AnswerLog(this.limits.answers_kept),
      disconnect: null,
      expiry: null,
    }
    this.#byToken.set(record.resumeToken, record)
    return record
  }

  /** Takes up a session; a connection it still has is ended. @throws ProtocolError `unknown_session` */
  resume(token: string): SessionRecord {
    const record = this.#byToken.get(token)
    if (record === undefined) throw new ProtocolError('unknown_session', 'no session has this resume token (any more)')
    record.disconnect?.('the session was resumed on another connection')
    if (record.expiry !== null) clearTimeout(record.expiry)
    record.expiry = null
    return record
  }

  /** The connection is gone: the session waits for its grace time to be resumed. */
  release(record: SessionRecord): void {
    record.disconnect = null
    record.expiry = setTimeout(() => this.end(record), inMilliseconds(this.limits.session_grace_seconds))
    record.expiry.unref()
  }

  end(record: SessionRecord): void {
    if (record.expiry !== null) clearTimeout(record.expiry)
    this.#byToken.delete(record.resumeToken)
  }
}
