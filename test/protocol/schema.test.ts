import {
  ERRORS,
  OPERATION_NAMES,
  PROTOCOL_VERSION,
  ProtocolError,
  parseRequest,
  protocolSchema,
} from '@unitcell/protocol'
import { expect, test } from 'vitest'
import { startServer } from '../env/server/wire.js'
import { isValidRequest } from '../env/server/schema-check.js'

test('the server publishes the schema of every operation, and its table of errors', async () => {
  const { url } = await startServer()
  const response = await fetch(`${url.replace('ws', 'http')}/schema`)
  expect(response.status).toBe(200)
  const published = (await response.json()) as ReturnType<typeof protocolSchema> & Record<string, object>
  expect(published).toEqual(JSON.parse(JSON.stringify(protocolSchema())))
  expect(published).toMatchObject({ protocol: 'unitcell', version: PROTOCOL_VERSION })
  expect(Object.keys(published['operations'])).toEqual(OPERATION_NAMES)
  expect(Object.keys(published['errors'])).toEqual(Object.keys(ERRORS))
})

test.each([
  [{ id: 1, op: 'ping' }, true],
  [{ id: 'a', op: 'reset', handle: 1, seed: 3, options: { target: null } }, true],
  [{ id: 1, op: 'make', environment: 'CrystalFill-v1', count: 2, options: { sites: 'file' } }, true],
  [{ id: 1, op: 'ping', extra: 1 }, false],
  [{ id: -1, op: 'ping' }, false],
  [{ op: 'ping' }, false],
  [{ id: 1, op: 'reset', handle: 1, options: { crystall: 'x' } }, false],
  [{ id: 1, op: 'step', handle: 1 }, false],
  [{ id: 1, op: 'leap' }, false],
])('the published schema and the server agree on %j', (request, valid) => {
  expect(isValidRequest(request)).toBe(valid)
  if (valid) expect(parseRequest(request)).toMatchObject({ op: request.op })
  else expect(() => parseRequest(request)).toThrow(ProtocolError)
})

test('every error of the table says what it means and what to do', () => {
  for (const [code, [retryable, meaning]] of Object.entries(ERRORS)) {
    expect(code).toMatch(/^[a-z_]+$/)
    expect(typeof retryable).toBe('boolean')
    expect(meaning).toMatch(/\.$/)
  }
})

test('an error keeps code, details and advice on its way over the wire', () => {
  const sent = new ProtocolError('unknown_split', 'no split "dev"', { known: ['train', 'val'] })
  const received = ProtocolError.fromBody(sent.toBody())
  expect(received).toMatchObject({ code: 'unknown_split', message: 'no split "dev"', retryable: false })
  expect(received.advice).toBe('known: train, val')
  expect(new ProtocolError('episode_rate', 'slow').retryable).toBe(true)
})
