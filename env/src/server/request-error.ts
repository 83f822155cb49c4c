import { randomUUID } from 'node:crypto'
import { ProtocolError } from '@unitcell/protocol'
import { DftError } from '../dft/index.js'
import { CacheError } from '../rewards/errors.js'
import { EvaluationCancelled } from '../rewards/scheduler.js'
import type { Logger } from './logger.js'

/** What a request that failed is answered with. An error nobody foresaw goes into the log, and only there. */
export function requestError(error: unknown, logger: Logger): ProtocolError {
  if (error instanceof ProtocolError) return error
  if (error instanceof EvaluationCancelled) return new ProtocolError('cancelled', error.message)
  if (error instanceof DftError || error instanceof CacheError) {
    logger.error({ code: error.code, error: error.message }, 'no evaluation')
    return new ProtocolError('evaluation_unavailable', error.message, { reason: error.code })
  }
  const report = randomUUID()
  logger.error({ report, error: error instanceof Error ? error.stack : String(error) }, 'internal error')
  return new ProtocolError('internal', `the server failed; its log has the details under ${report}`, { report })
}
