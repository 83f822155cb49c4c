import { toNdArray } from '@unitcell/protocol'
import { afterEach, beforeEach, beforeAll, expect, test } from 'vitest'
import { Peer, startServer } from './wire.js'

let url: string
let peer: Peer
let handle: number

beforeAll(async () => {
  ;({ url } = await startServer())
})

beforeEach(async () => {
  peer = await Peer.greet(url, 'msgpack')
  ;({ handle } = await peer.result('make', { environment: 'CrystalFill-v1', count: 3 }))
  await peer.result('reset', { handle, seed: 1 })
})

// Whatever was refused changed nothing: no environment has taken a step.
afterEach(async () => {
  const { observation } = await peer.result('observe', { handle })
  expect(observation.step).toMatchObject({ data: Buffer.alloc(12) })
  await peer.close()
})

test.each([
  ['one number', 1, 'a vector takes a list or an array of actions'],
  ['too few', [1, 2], '2 actions for 3 environments'],
  ['too many', [1, 2, 3, 4], '4 actions for 3 environments'],
  ['none', [], '0 actions for 3 environments'],
  ['one out of range', [1, 88, 3], 'action 88 of environment 1 is no element index 0..87'],
  ['one negative', [1, 2, -1], 'action -1 of environment 2 is no element index 0..87'],
  [
    'an array of floats',
    toNdArray('float32', Float32Array.of(1, 2, 3)),
    'actions in an array are integers, of shape [n]',
  ],
  [
    'an array of doubles',
    toNdArray('float64', Float64Array.of(1, 2, 3)),
    'actions in an array are integers, of shape [n]',
  ],
  ['an array of bools', toNdArray('bool', Uint8Array.of(1, 1, 1)), 'actions in an array are integers, of shape [n]'],
  [
    'an array of two dimensions',
    toNdArray('int32', Int32Array.of(1, 2, 3), [3, 1]),
    'actions in an array are integers',
  ],
  ['too short an array', toNdArray('int32', Int32Array.of(1, 2)), '2 actions for 3 environments'],
  ['an array with a negative', toNdArray('int8', Int8Array.of(1, 2, -3)), 'action -3 of environment 2'],
])('%s for the actions of a vector is refused', async (_, actions, message) => {
  const error = await peer.error('step', { handle, actions })
  expect(error.code).toBe('invalid_action')
  expect(error.message).toContain(message)
})

test.each([
  ['a fraction in a list', [1, 2.5, 3]],
  ['a word in a list', [1, 'O', 3]],
  ['an array whose bytes do not fit its shape', { ...toNdArray('int32', Int32Array.of(1, 2, 3)), shape: [4] }],
  ['an array of a type without a name here', { ...toNdArray('int32', Int32Array.of(1, 2, 3)), dtype: 'int64' }],
])('%s is refused as an invalid message', async (_, actions) => {
  expect((await peer.error('step', { handle, actions })).code).toBe('invalid_message')
})

test.each([
  ['int32', toNdArray('int32', Int32Array.of(1, 2, 3))],
  ['uint16', toNdArray('uint16', Uint16Array.of(1, 2, 3))],
  ['int8', toNdArray('int8', Int8Array.of(1, 2, 3))],
  ['a list', [1, 2, 3]],
])('actions as %s do the same as those of uint8', async (_, actions) => {
  const other = await peer.result('make', { environment: 'CrystalFill-v1', count: 3 })
  const play = async (chosen: typeof actions) => {
    await peer.result('reset', { handle: other.handle, seed: 1 })
    return peer.result('step', { handle: other.handle, actions: chosen })
  }
  expect(await play(actions)).toEqual(await play(toNdArray('uint8', Uint8Array.of(1, 2, 3))))
})

test.each([
  ['out of range', [3]],
  ['not ascending', [1, 0]],
  ['twice the same', [1, 1]],
])('which %s is refused', async (_, which) => {
  const error = await peer.error('reset', { handle, which })
  expect([error.code, error.message]).toEqual(['invalid_message', 'which: ascending environments below 3, each once'])
})

test('an empty which, and a negative one, are refused', async () => {
  for (const which of [[], [-1]]) expect((await peer.error('reset', { handle, which })).code).toBe('invalid_message')
})

test('which, a list of seeds and env are refused for a single environment', async () => {
  const single = await peer.result('make', { environment: 'CrystalFill-v1' })
  for (const fields of [{ which: [0] }, { seed: [1] }]) {
    expect((await peer.error('reset', { handle: single.handle, ...fields })).code).toBe('invalid_message')
  }
  await peer.result('reset', { handle: single.handle })
  const render = await peer.error('render', { handle: single.handle, format: 'cif', env: 0 })
  expect(render.message).toBe('env: only a vector has several environments')
})

test('a vector is rendered one environment at a time', async () => {
  expect((await peer.error('render', { handle, format: 'cif' })).message).toContain('say which environment')
  expect((await peer.error('render', { handle, format: 'cif', env: 3 })).message).toBe('env: 3 is not below 3')
  expect((await peer.result('render', { handle, format: 'cif', env: 2 })).text).toContain('data_')
})

test('a list of crystals has one for each environment that is reset', async () => {
  const error = await peer.error('reset', { handle, options: { crystal: [{ index: 0 }] } })
  expect(error.message).toBe('options.crystal: 1 crystals for 3 environments')
})

test('the first reset of a vector resets all of it', async () => {
  const fresh = await peer.result('make', { environment: 'CrystalFill-v1', count: 3 })
  expect((await peer.error('reset', { handle: fresh.handle, which: [0, 2] })).code).toBe('reset_needed')
  expect((await peer.error('observe', { handle: fresh.handle })).code).toBe('reset_needed')
})
