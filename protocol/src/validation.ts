import type { z } from 'zod'
import { ProtocolError } from './errors.js'
import { OPERATION_NAMES, REQUESTS, type Operation, type Request } from './messages/operations.js'

/** An answer tells of so many faults, each in so many characters: it must not grow with a senseless request. */
const MOST_ISSUES = 10
const MOST_CHARACTERS = 300

/** One line per fault: where in the message, and what is wrong. */
function describe(issue: z.core.$ZodIssue): string {
  const where = issue.path.join('.')
  const text = where === '' ? issue.message : `${where}: ${issue.message}`
  return text.length <= MOST_CHARACTERS ? text : `${text.slice(0, MOST_CHARACTERS)}...`
}

/**
 * The request a decoded message is.
 *
 * @throws ProtocolError `unknown_op` or `invalid_message`: unknown fields and wrong types are refused, never ignored.
 */
export function parseRequest(message: Record<string, unknown>): Request {
  const { op } = message
  if (typeof op !== 'string') {
    const issues = ['op: a string is needed, the name of an operation']
    throw new ProtocolError('invalid_message', issues[0], { issues })
  }
  if (!Object.hasOwn(REQUESTS, op)) {
    const name = JSON.stringify(op.slice(0, MOST_CHARACTERS))
    throw new ProtocolError('unknown_op', `there is no operation ${name}`, { known: OPERATION_NAMES })
  }
  const parsed = REQUESTS[op as Operation].safeParse(message)
  if (parsed.success) return parsed.data as Request
  const issues = parsed.error.issues.slice(0, MOST_ISSUES).map(describe)
  throw new ProtocolError('invalid_message', issues.join('; '), { issues })
}
