import { CODECS, type Encoding, type Limits } from '@unitcell/protocol'
import { beforeAll, beforeEach, afterEach, describe, expect, test } from 'vitest'
import { Peer, startServer } from './wire.js'

const limits: Partial<Limits> = { frame_bytes: 5000, frame_bytes_hard: 50_000 }
let url: string
beforeAll(async () => {
  ;({ url } = await startServer({ limits }))
})

/** What another session sees while it plays: every frame but the greeting. */
class Bystander {
  private constructor(
    readonly peer: Peer,
    readonly handle: number,
  ) {}

  static async start(): Promise<Bystander> {
    const peer = await Peer.greet(url, 'msgpack')
    const { handle } = await peer.result('make', { environment: 'CrystalFill-v1', count: 4 })
    await peer.result('reset', { handle, seed: 5 })
    return new Bystander(peer, handle)
  }

  async play(steps: number): Promise<void> {
    for (let i = 0; i < steps; i++) await this.peer.result('step', { handle: this.handle, actions: [i, 1, 2, 3] })
  }

  async end(): Promise<Buffer[]> {
    await this.peer.close()
    return this.peer.frames.slice(1)
  }
}

let undisturbed: Buffer[]
beforeAll(async () => {
  const alone = await Bystander.start()
  await alone.play(3)
  await alone.play(3)
  undisturbed = await alone.end()
})

describe.each(['json', 'msgpack'] as Encoding[])('in the %s subprotocol', (encoding) => {
  let peer: Peer
  let handle: number
  let bystander: Bystander

  beforeEach(async () => {
    bystander = await Bystander.start()
    await bystander.play(3)
    peer = await Peer.greet(url, encoding)
    ;({ handle } = await peer.result('make', { environment: 'CrystalFill-v1' }))
    await peer.result('reset', { handle, seed: 1, options: { crystal: 'reference-lif-rocksalt' } })
  })

  // Whatever was refused: the session lives on, where it was, and the other session noticed nothing.
  afterEach(async () => {
    const { observation } = await peer.result('observe', { handle })
    expect(observation.step).toBe(0)
    expect((await peer.result('step', { handle, actions: 0 })).observation.step).toBe(1)
    await peer.close()
    await bystander.play(3)
    expect(await bystander.end()).toEqual(undisturbed)
  })

  async function refusal(frame: Uint8Array | string) {
    const answer = await peer.sendFrame(frame)
    if (answer.ok) throw new Error('the frame was accepted')
    return { id: answer.id, ...answer.error }
  }

  const text = (message: string) => (encoding === 'json' ? message : Buffer.from(message))

  test.each([
    ['no message at all', ''],
    ['noise', '\u0001{]'],
    ['a list', encoding === 'json' ? '[1]' : '\x91\x01'],
    ['a number', encoding === 'json' ? '1' : '\x01'],
    ['a message cut short', encoding === 'json' ? '{"id": 1, "op": "pi' : '\x82\x00'],
    ['two messages', encoding === 'json' ? '{"id": 1, "op": "ping"} {}' : '\x81\x00\x01\x80'],
  ])('%s is refused as a malformed frame', async (_, frame) => {
    expect(await refusal(text(frame))).toMatchObject({ id: null, code: 'malformed_frame', retryable: false })
  })

  test('a frame of the other kind, text for binary or binary for text, is refused as malformed', async () => {
    const message = peer.encode({ id: 1, op: 'ping' })
    const other = encoding === 'json' ? Buffer.from(message as string) : Buffer.from(message).toString('latin1')
    const { code, message: what } = await refusal(other)
    expect(code).toBe('malformed_frame')
    expect(what).toBe(
      encoding === 'json' ? 'the json subprotocol uses text frames' : 'the msgpack subprotocol uses binary frames',
    )
  })

  test('a frame above frame_bytes is refused', async () => {
    const error = await refusal(peer.encode({ id: 1, op: 'ping', padding: 'x'.repeat(6000) }))
    expect(error).toMatchObject({ id: null, code: 'frame_too_large' })
    expect(error.message).toMatch(/^the frame has 60\d\d bytes, 5000 are allowed$/)
  })

  test('an operation that does not exist is refused, and those that do are named', async () => {
    for (const op of ['leap', '', 'constructor', '__proto__', 'toString']) {
      const error = await peer.error(op)
      expect(error.code).toBe('unknown_op')
      expect(error.details['known']).toContain('step')
    }
  })

  test.each([[undefined], [null], [7], [['ping']], [{ ping: 1 }]])('%j for an operation is refused', async (op) => {
    expect(await refusal(peer.encode({ id: 900, op }))).toMatchObject({
      id: 900,
      code: 'invalid_message',
      message: 'op: a string is needed, the name of an operation',
    })
  })

  test('an unknown field is refused, at the top and within', async () => {
    expect(await peer.error('ping', { sed: 1 })).toMatchObject({
      code: 'invalid_message',
      details: { issues: [expect.stringContaining('"sed"')] },
    })
    const nested = await peer.error('reset', { handle, options: { crystall: 'x' } })
    expect(nested.message).toMatch(/^options: .*"crystall"/)
    const options = await peer.error('make', { environment: 'CrystalFill-v1', options: { reward: { alpha: 1 } } })
    expect(options.message).toMatch(/^options\.reward: .*"alpha"/)
  })

  test.each([
    ['step', { actions: 1 }, 'handle'],
    ['step', { handle: '1', actions: 1 }, 'handle'],
    ['step', { handle: 1, actions: 'O' }, 'actions: an integer'],
    ['step', { handle: 1, actions: 1.5 }, 'actions: an integer'],
    ['step', { handle: 1, actions: { dtype: 'int7', shape: [1], data: '' } }, 'actions: an integer'],
    ['reset', { handle: 1, seed: -1 }, 'seed: '],
    ['reset', { handle: 1, seed: 2 ** 53 }, 'seed: '],
    ['reset', { handle: 1, seed: 0.5 }, 'seed: an integer from 0 to 2^53 - 1'],
    ['reset', { handle: 1, options: { target: -1 } }, 'options.target'],
    ['reset', { handle: 1, options: { structure: { lattice: [[1, 0, 0]], frac_coords: [] } } }, 'options.structure'],
    ['make', { environment: 'CrystalFill-v1', count: 0 }, 'count'],
    ['make', { environment: 'CrystalFill-v1', options: { sites: 'sorted' } }, 'options.sites'],
    ['make', { environment: 'CrystalFill-v1', options: { source: 'first' } }, 'options.source: a site index'],
    ['make', { environment: 'CrystalFill-v1', options: { reward: { beta: 0 } } }, 'options.reward.beta'],
    ['render', { handle: 1, format: 'png' }, 'format'],
  ])('%s with %j is refused as an invalid message that says where', async (op, fields, where) => {
    const error = await peer.error(op, fields)
    expect(error).toMatchObject({ code: 'invalid_message', retryable: false })
    expect(error.message).toContain(where)
    expect(error.details['issues']).toHaveLength(error.message.split('; ').length)
  })

  test.each([[-1], [1.5], [''], ['x'.repeat(65)], [null], [true]])(
    'the id %j is refused, answered without one',
    async (id) => {
      const error = await refusal(peer.encode({ id, op: 'ping' }))
      expect(error).toMatchObject({
        id: null,
        code: 'invalid_message',
        message: expect.stringMatching(/^id: /),
      })
    },
  )

  test('a message without an id is refused', async () => {
    expect(await refusal(peer.encode({ op: 'ping' }))).toMatchObject({ id: null, code: 'invalid_message' })
  })

  test('an id of another request a moment ago is refused; ids may be strings', async () => {
    expect(await peer.send({ id: 'a', op: 'ping' })).toMatchObject({ id: 'a', ok: true })
    expect(await refusal(peer.encode({ id: 'a', op: 'datasets' }))).toMatchObject({ id: 'a', code: 'duplicate_id' })
  })

  test.each([[-1], [88], [2 ** 31]])('the action %d is refused, and nothing changes', async (action) => {
    expect(await peer.error('step', { handle, actions: action })).toMatchObject({
      code: 'invalid_action',
      details: { env: 0, action },
    })
  })

  test('a list of actions for a single environment is refused', async () => {
    const { code, message } = await peer.error('step', { handle, actions: [1] })
    expect([code, message]).toEqual(['invalid_action', 'a single environment takes one integer'])
  })

  test('a step after the end is refused until the next reset', async () => {
    await peer.result('step', { handle, actions: 1 })
    await peer.result('step', { handle, actions: 1 })
    expect((await peer.error('step', { handle, actions: 1 })).code).toBe('episode_over')
    await peer.result('reset', { handle })
  })

  test('an environment without an episode is refused everything but a reset', async () => {
    const { handle: fresh } = await peer.result('make', { environment: 'CrystalFill-v1' })
    for (const [op, fields] of [
      ['step', { actions: 1 }],
      ['observe', {}],
      ['mask', {}],
      ['render', { format: 'cif' }],
    ] as const) {
      expect((await peer.error(op, { handle: fresh, ...fields })).code).toBe('reset_needed')
    }
  })

  test('names that the server does not know are refused, and those it knows are told', async () => {
    const make = (options: object) => peer.error('make', { environment: 'CrystalFill-v1', options })
    expect(await peer.error('make', { environment: 'CrystalFill-v0' })).toMatchObject({
      code: 'unknown_environment',
      details: { known: ['CrystalFill-v1'] },
    })
    expect(await make({ dataset: 'mp' })).toMatchObject({ code: 'unknown_dataset', details: { known: ['builtin'] } })
    expect(await make({ split: 'dev' })).toMatchObject({ code: 'unknown_split', details: { known: ['train', 'val'] } })
    for (const crystal of ['no-such-id', { index: 10_000 }]) {
      expect((await peer.error('reset', { handle, options: { crystal } })).code).toBe('unknown_crystal')
    }
    const elsewhere = { crystal: { split: 'dev', index: 0 } }
    expect((await peer.error('reset', { handle, options: elsewhere })).code).toBe('unknown_split')
  })

  test('a handle that was never made, or is closed, is refused', async () => {
    const { handle: closed } = await peer.result('make', { environment: 'CrystalFill-v1' })
    await peer.result('close', { handle: closed })
    for (const number of [closed, 999]) {
      for (const [op, fields] of [
        ['step', { actions: 1 }],
        ['reset', {}],
        ['close', {}],
      ] as const) {
        expect(await peer.error(op, { handle: number, ...fields })).toMatchObject({
          code: 'unknown_handle',
          details: { open: [handle] },
        })
      }
    }
  })

  test('a second hello is refused', async () => {
    expect((await peer.error('hello', { protocol: '1.0', client: 'test' })).code).toBe('already_greeted')
  })

  test('a senseless message of many faults gets a short answer', async () => {
    const fields = Object.fromEntries(Array.from({ length: 150 }, (_, i) => [`unknown_field_${i}`, i]))
    const error = await peer.error('ping', fields)
    expect(error.code).toBe('invalid_message')
    expect(error.message.length).toBeLessThan(400)
  })
})

test('a frame above frame_bytes_hard closes the socket with 1009, and the session is resumed', async () => {
  const peer = await Peer.open(url, 'json')
  const { resume, session } = await peer.result('hello', { protocol: '1.0', client: 'test' })
  const { handle } = await peer.result('make', { environment: 'CrystalFill-v1' })
  peer.socket.send('x'.repeat(60_000))
  expect((await peer.closed).code).toBe(1009)
  const again = await Peer.open(url, 'json')
  const greeting = await again.result('hello', { protocol: '1.0', client: 'test', resume })
  expect(greeting).toMatchObject({ session, resumed: [{ handle, environment: 'CrystalFill-v1', count: null }] })
})

test('text that is no UTF-8 is refused as malformed, and the session lives on', async () => {
  const peer = await Peer.greet(url, 'json')
  peer.socket.send(Buffer.from([0x22, 0xff, 0xfe, 0x22]), { binary: false })
  expect(await peer.next()).toMatchObject({ id: null, ok: false, error: { code: 'malformed_frame' } })
  await peer.result('ping', {})
})

test('array bytes that are no base64 are refused, not guessed at', async () => {
  const peer = await Peer.greet(url, 'json')
  const { handle } = await peer.result('make', { environment: 'CrystalFill-v1', count: 3 })
  await peer.result('reset', { handle })
  for (const data of ['AAA*', 'AAAA=', 'AA AA', 'AAB']) {
    const frame = JSON.stringify({ id: data, op: 'step', handle, actions: { dtype: 'uint8', shape: [3], data } })
    expect(await peer.sendFrame(frame)).toMatchObject({ ok: false, error: { code: 'invalid_message' } })
  }
  const frame = JSON.stringify({ id: 9, op: 'step', handle, actions: { dtype: 'uint8', shape: [3], data: 'AAAA' } })
  expect(await peer.sendFrame(frame)).toMatchObject({ ok: true })
})

test('before hello every other operation is refused, and hello still works', async () => {
  const peer = await Peer.open(url, 'json')
  for (const op of ['ping', 'datasets', 'close']) expect((await peer.error(op)).code).toBe('hello_required')
  await peer.result('hello', { protocol: '1.0', client: 'test' })
})

test('another major version is refused, naming both; another minor is not', async () => {
  const peer = await Peer.open(url, 'json')
  for (const protocol of ['2.0', '0.9', '11']) {
    const error = await peer.error('hello', { protocol, client: 'test' })
    expect(error).toMatchObject({ code: 'version_mismatch', details: { client: protocol, server: '1.0' } })
  }
  expect((await peer.error('hello', { protocol: 'one', client: 'test' })).code).toBe('invalid_message')
  await peer.result('hello', { protocol: '1.7', client: 'test' })
})

test('a server with a token refuses a wrong one and none, and takes the right one', async () => {
  const { url: guarded } = await startServer({ token: 'secret' })
  const peer = await Peer.open(guarded, 'json')
  for (const token of [undefined, '', 'Secret', 'secret ']) {
    const error = await peer.error('hello', { protocol: '1.0', client: 'test', ...(token !== undefined && { token }) })
    expect(error.code).toBe('unauthorized')
    expect(error.message).not.toContain('secret')
  }
  await peer.result('hello', { protocol: '1.0', client: 'test', token: 'secret' })
})

test('an error that nobody foresaw is answered as internal, without its text', async () => {
  const { url: broken, context } = await startServer()
  const peer = await Peer.greet(broken, 'json')
  context.sessions.data.shelf = () => {
    throw new TypeError('a private detail')
  }
  const error = await peer.error('make', { environment: 'CrystalFill-v1' })
  expect(error).toMatchObject({ code: 'internal', details: { report: expect.stringMatching(/^[0-9a-f-]{36}$/) } })
  expect(JSON.stringify(error)).not.toContain('private')
  expect(CODECS.json.decode(peer.frames.at(-1)!)['ok']).toBe(false)
  await peer.result('ping', {})
})
