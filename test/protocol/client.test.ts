import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { UNFILLED } from '@unitcell/datasets'
import { connect, fromNdArray, ProtocolError, type Client, type NdArray } from '@unitcell/protocol'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startServer } from '../env/server/wire.js'

let url: string
let client: Client
beforeAll(async () => {
  ;({ url } = await startServer())
  client = await connect(url)
})

const values = ({ mask }: { mask?: NdArray | undefined }) => (mask === undefined ? null : [...fromNdArray(mask)])

const LITHIUM_FLUORIDE = 'reference-lif-rocksalt'

test('the greeting tells limits, data sets with hashes and the 88 elements', () => {
  const { protocol, limits, datasets, elements } = client.server
  expect(protocol).toMatch(/^1\.\d+$/)
  expect(limits['frame_bytes']).toBe(2 ** 20)
  expect(datasets).toMatchObject([{ name: 'builtin', hash: expect.stringMatching(/^[0-9a-f]{64}$/) }])
  expect(elements).toHaveLength(88)
  expect([elements[0], elements[7], elements[87]]).toEqual(['H', 'O', 'Pu'])
})

test.each([
  ['ws://127.0.0.1:PORT', 'ws'],
  ['http://127.0.0.1:PORT', 'http'],
  ['127.0.0.1:PORT', 'none'],
  ['ws://127.0.0.1:PORT/v1', 'path'],
])('the address %s is understood', async (pattern) => {
  const other = await connect(pattern.replace('PORT', new URL(url).port))
  expect(await other.ping()).toBeGreaterThan(0)
  await other.close()
})

test.each(['msgpack', 'json'] as const)('an episode over %s has the semantics of Gymnasium', async (encoding) => {
  const other = await connect(url, { encoding })
  const env = await other.make('CrystalFill-v1', { reward: { target: 2 } })
  expect(env.spec.action_space).toEqual({ type: 'Discrete', n: 88 })
  const { observation, info } = await env.reset({ seed: 7, options: { crystal: LITHIUM_FLUORIDE } })
  expect(info.episode).toMatchObject({ seed: 7, sites: 2, source: 0 })
  expect(observation).toMatchObject({ step: 0, focus: 0, graph: { sites: 2, target: 2, spaceGroup: 225 } })
  expect([...observation.elements]).toEqual([UNFILLED, UNFILLED])
  expect(observation.graph.edges.length / 2).toBe(observation.graph.distances.length)

  const first = await env.step(2)
  expect(first).toMatchObject({ reward: 0, terminated: false, truncated: false })
  expect([...first.observation.elements]).toEqual([2, UNFILLED])
  expect(first.observation.graph).toBe(observation.graph)

  const last = await env.step(8)
  expect(last).toMatchObject({ terminated: true, truncated: false, observation: { step: 2, focus: -1 } })
  expect(last.info.outcome).toMatchObject({ crystal: LITHIUM_FLUORIDE, failure: null, source: 'recorded' })
  const { total_energy_ry: energy, band_gap_ev: gap } = last.info.outcome!
  expect(last.reward).toBeCloseTo(Math.log10(-energy!) + 5 * Math.exp(-((gap! - 2) ** 2) / 3), 12)
  expect(await env.render('poscar')).toContain('Li F')
  await other.close()
})

test('both encodings give the same episode', async () => {
  const episodes = await Promise.all(
    (['msgpack', 'json'] as const).map(async (encoding) => {
      const other = await connect(url, { encoding })
      const env = await other.make('CrystalFill-v1', { split: 'val', mask: true })
      const states = [await env.reset({ seed: 11 }), await env.step(3)]
      await other.close()
      // Bytes come as a Buffer from the one and as a Uint8Array from the other.
      return states.map(({ observation, info }) => ({ observation, episode: info.episode, mask: values(info) }))
    }),
  )
  expect(episodes[0]).toEqual(episodes[1])
})

test('a step that is refused is a ProtocolError, changes nothing, and says what to do', async () => {
  const env = await client.make('CrystalFill-v1')
  await expect(env.step(1)).rejects.toMatchObject({ name: 'ProtocolError', code: 'reset_needed' })
  await env.reset({ seed: 1 })
  const error = await env.step(88).catch((caught: unknown) => caught)
  expect(error).toBeInstanceOf(ProtocolError)
  expect(error).toMatchObject({ code: 'invalid_action', retryable: false, details: { env: 0, action: 88 } })
  expect((await env.observe()).observation.step).toBe(0)
  await env.close()
  await expect(env.step(1)).rejects.toMatchObject({ code: 'unknown_handle' })
})

test('the mask of a constrained environment is obeyed', async () => {
  const env = await client.make('CrystalFill-v1', { constraints: { elements: ['Na', 'Cl'] } })
  await env.reset({ seed: 1 })
  const allowed = [...(await env.mask()).entries()].filter(([, bit]) => bit === 1).map(([element]) => element)
  expect(allowed.map((element) => client.server.elements[element])).toEqual(['Na', 'Cl'])
  await expect(env.step(0)).rejects.toMatchObject({ code: 'masked_action' })
})

test('requests sent without waiting are answered in order, however many', async () => {
  const env = await client.makeVector('CrystalFill-v1', 1, { autoreset: 'next_step' })
  await env.reset({ seed: 3 })
  const steps = await Promise.all(Array.from({ length: 500 }, () => env.step([1])))
  expect(steps).toHaveLength(500)
  const alone = await client.makeVector('CrystalFill-v1', 1, { autoreset: 'next_step' })
  await alone.reset({ seed: 3 })
  for (const { observation } of steps) expect((await alone.step([1])).observation.step).toEqual(observation.step)
})

test('no server: the error names the address and what to start', async () => {
  const probe = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => probe.once('listening', resolve))
  const { port } = probe.address() as AddressInfo
  await new Promise((resolve) => probe.close(resolve))
  const error = await connect(`ws://127.0.0.1:${port}`).catch((caught: Error) => caught)
  expect(error).toMatchObject({ name: 'ConnectionError', code: 'connection_refused' })
  expect((error as Error).message).toMatch(/^no connection to ws:\/\/127\.0\.0\.1:\d+\/v1: .+ \(start a server: .+\)$/)
})

test('a server of another kind: the handshake is refused, with its status', async () => {
  const web = createServer((_, response) => response.end()).on('upgrade', (_, socket) =>
    socket.end('HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n'),
  )
  web.listen(0, '127.0.0.1')
  afterAll(() => web.close())
  await new Promise((resolve) => web.once('listening', resolve))
  await expect(connect(`ws://127.0.0.1:${(web.address() as AddressInfo).port}`)).rejects.toMatchObject({
    code: 'handshake_refused',
    message: expect.stringContaining('HTTP 404'),
  })
  await expect(connect(`${url}/elsewhere`)).rejects.toMatchObject({ code: 'handshake_refused' })
})

test.each([['ftp://host'], ['ws://'], ['not an address']])('%j is no address', async (text) => {
  await expect(connect(text)).rejects.toMatchObject({ code: 'connection_refused', message: /is no address \(give/ })
})

test('a token is sent, and a wrong one refused by name', async () => {
  const { url: guarded } = await startServer({ token: 'secret' })
  await expect(connect(guarded, { token: 'guess' })).rejects.toMatchObject({ code: 'unauthorized' })
  await expect(connect(guarded)).rejects.toMatchObject({ code: 'unauthorized' })
  const other = await connect(guarded, { token: 'secret' })
  await other.close()
})

test('after close every request fails at once, and the session is gone', async () => {
  const { url: own, context } = await startServer()
  const other = await connect(own)
  const env = await other.make('CrystalFill-v1')
  await other.close()
  await other.close()
  await expect(env.reset()).rejects.toMatchObject({ name: 'ConnectionError', code: 'closed' })
  expect(context.sessions.size).toBe(0)
})
