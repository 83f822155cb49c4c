import type { z } from 'zod'
import { ProtocolError } from './errors.js'
import { OPERATION_NAMES, REQUESTS, type Operation, type Request } from './messages/operations.js'

/** One line per fault: where in the message, and what is wrong. */
function describe(issue: z.core.$ZodIssue): string {
  const where = issue.path.join('.')
  return where === '' ? issue.message : `${where}: ${issue.message}`
}

/**
 * The request a decoded message is.
 *
 * @throws ProtocolError `unknown_op` or `invalid_message`: unknown fields and wrong types are refused, never ignored.
 */
export function parseRequest(message: Record<string, unknown>): Request {
  const schema = REQUESTS[message['op'] as Operation]
  if (schema === undefined || !Object.hasOwn(REQUESTS, message['op'] as string)) {
    throw new ProtocolError('unknown_op', `there is no operation ${JSON.stringify(message['op'])}`, {
      known: OPERATION_NAMES,
    })
  }
  const parsed = schema.safeParse(message)
  if (parsed.success) return parsed.data as Request
  const issues = parsed.error.issues.map(describe)
  throw new ProtocolError('invalid_message', issues.join('; '), { issues })
}
