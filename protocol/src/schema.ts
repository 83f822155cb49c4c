import { z } from 'zod'
import { ERRORS } from './errors.js'
import { failure, requestId } from './messages/common.js'
import { accepted, EVENTS, progressed } from './messages/evaluation.js'
import { OPERATIONS, OPERATION_NAMES, REQUESTS } from './messages/operations.js'
import { PROTOCOL_VERSION, SUBPROTOCOLS } from './version.js'

function jsonSchema(schema: z.ZodType, io: 'input' | 'output'): object {
  return z.toJSONSchema(schema, { io, unrepresentable: 'any' })
}

/**
 * The published description of the wire: JSON Schema (2020-12) of every request, answer and event as the JSON subprotocol
 * writes them, and the table of errors. Generated from the schemas that validate, so it cannot fall behind them.
 */
export function protocolSchema(): object {
  const operations = OPERATION_NAMES.map((op) => {
    const answer = z.strictObject({ id: requestId, ok: z.literal(true), result: OPERATIONS[op].result })
    return [op, { request: jsonSchema(REQUESTS[op], 'input'), answer: jsonSchema(answer, 'output') }]
  })
  return {
    protocol: 'unitcell',
    version: PROTOCOL_VERSION,
    subprotocols: Object.values(SUBPROTOCOLS),
    operations: Object.fromEntries(operations),
    accepted: jsonSchema(accepted, 'output'),
    progress: jsonSchema(progressed, 'output'),
    failure: jsonSchema(failure, 'output'),
    events: Object.fromEntries(Object.entries(EVENTS).map(([name, event]) => [name, jsonSchema(event, 'output')])),
    errors: Object.fromEntries(
      Object.entries(ERRORS).map(([code, [retryable, meaning]]) => [code, { retryable, meaning }]),
    ),
  }
}
