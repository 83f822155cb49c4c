import { createRequire } from 'node:module'
import { OPERATIONS, protocolSchema, type Operation } from '@unitcell/protocol'

interface Validate {
  (value: unknown): boolean
  readonly errors?: readonly unknown[] | null
}

interface PublishedSchema {
  readonly operations: Record<Operation, { readonly request: object; readonly answer: object }>
  readonly failure: object
  readonly accepted: object
  readonly progress: object
  readonly events: Readonly<Record<string, object>>
}

// The JSON Schema validator that fastify brings along.
const fastify = createRequire(createRequire(import.meta.url).resolve('../../../env/dist/server/server.js'))
const compiler = createRequire(createRequire(fastify.resolve('fastify')).resolve('@fastify/ajv-compiler'))
const { default: Ajv } = compiler('ajv/dist/2020.js') as {
  default: new (options: object) => { compile(schema: object): Validate }
}
const ajv = new Ajv({ strict: true, strictTuples: false, allErrors: true })

const published = protocolSchema() as PublishedSchema
const compiled = new Map<object, Validate>()

function check(schema: object, value: unknown): void {
  let validate = compiled.get(schema)
  if (validate === undefined) compiled.set(schema, (validate = ajv.compile(schema)))
  if (!validate(value)) {
    throw new Error(`against the published schema: ${JSON.stringify(validate.errors)}\n${JSON.stringify(value)}`)
  }
}

/** Throws unless a request that the server accepted, as JSON, is valid by the published schema. */
export function checkRequest(request: { readonly op?: unknown }): void {
  check(published.operations[request.op as Operation].request, request)
}

/** Throws unless an answer, as JSON, is valid by the published schema. */
export function checkAnswer(op: unknown, answer: { readonly ok: boolean }): void {
  check(answer.ok ? published.operations[op as Operation].answer : published.failure, answer)
}

/** Throws unless a message that is no answer is one of those that the published schema knows. */
export function checkOther(message: { readonly event?: string; readonly accepted?: unknown }): void {
  if (message.event !== undefined) check(published.events[message.event], message)
  else check(message.accepted === undefined ? published.progress : published.accepted, message)
}

/** Whether a request is valid by the published schema. */
export function isValidRequest(request: { readonly op?: unknown }): boolean {
  if (typeof request.op !== 'string' || !Object.hasOwn(OPERATIONS, request.op)) return false
  try {
    checkRequest(request)
    return true
  } catch {
    return false
  }
}
