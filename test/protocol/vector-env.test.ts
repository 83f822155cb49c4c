import { UNFILLED } from '@unitcell/datasets'
import { connect, fromNdArray, type Client } from '@unitcell/protocol'
import { beforeAll, expect, test } from 'vitest'
import { startServer } from '../env/server/wire.js'

let client: Client
beforeAll(async () => {
  client = await connect((await startServer()).url)
})

const TWO_SITES = 'reference-lif-rocksalt'
const THREE_SITES = 'reference-caf2-fluorite'
const crystals = [TWO_SITES, THREE_SITES]

test('a vector has the episodes that its environments have alone, under the seeds seed + i', async () => {
  const vector = await client.makeVector('CrystalFill-v1', 3)
  const { observation, info } = await vector.reset({ seed: 40 })
  expect([...fromNdArray(info.episodes!.seed)]).toEqual([40, 41, 42])
  for (let i = 0; i < 3; i++) {
    const single = await client.make('CrystalFill-v1')
    const alone = await single.reset({ seed: 40 + i })
    expect(observation.graphs[i]).toEqual(alone.observation.graph)
    const sites = observation.siteOffsets[i + 1] - observation.siteOffsets[i]
    expect(sites).toBe(alone.observation.graph.sites)
    expect(observation.focus[i]).toBe(alone.observation.focus)
  }
})

test('next_step: the step after an end starts the next episode, without action or reward', async () => {
  const env = await client.makeVector('CrystalFill-v1', 2)
  expect(env.spec.options['autoreset']).toBe('next_step')
  const first = await env.reset({ seed: 1, options: { crystal: crystals } })
  expect([...first.observation.siteOffsets]).toEqual([0, 2, 5])
  await env.step([2, 19])
  const ended = await env.step(Uint8Array.of(8, 8))
  expect([...ended.terminated]).toEqual([1, 0])
  expect(ended.rewards[0]).toBeGreaterThan(0)
  expect(ended.observation.focus[0]).toBe(-1)
  expect([...fromNdArray(ended.info.outcomes!.env)]).toEqual([0])
  const next = await env.step(Int32Array.of(999, 8))
  expect([...next.terminated]).toEqual([0, 1])
  expect(next.rewards[0]).toBe(0)
  expect(next.observation.step[0]).toBe(0)
  expect([...fromNdArray(next.info.episodes!.env)]).toEqual([0])
  expect(next.observation.graphs[1]).toBe(first.observation.graphs[1])
  expect(next.observation.graphs[0]).not.toBe(first.observation.graphs[0])
})

test('same_step: the observation is that of the next episode, and the filling stands in the outcome', async () => {
  const env = await client.makeVector('CrystalFill-v1', 2, { autoreset: 'same_step' })
  await env.reset({ seed: 1, options: { crystal: TWO_SITES } })
  await env.step([2, 8])
  const { observation, terminated, info } = await env.step([8, 2])
  expect([...terminated]).toEqual([1, 1])
  expect([...observation.step]).toEqual([0, 0])
  expect([...fromNdArray(info.outcomes!.elements)]).toEqual([2, 8, 8, 2])
  expect(observation.elements.every((element) => element === UNFILLED)).toBe(true)
})

test('disabled: an environment that has ended waits, and is reset alone', async () => {
  const env = await client.makeVector('CrystalFill-v1', 2, { autoreset: 'disabled' })
  await env.reset({ seed: 1, options: { crystal: crystals } })
  await env.step([2, 19])
  await env.step([8, 8])
  await expect(env.step([1, 8])).rejects.toMatchObject({ code: 'episode_over', details: { env: 0 } })
  const { observation, info } = await env.reset({ which: [0], seed: [77], options: { crystal: [TWO_SITES] } })
  expect([...fromNdArray(info.episodes!.seed)]).toEqual([77])
  expect([...observation.step]).toEqual([0, 2])
  expect([...(await env.step([1, 8])).terminated]).toEqual([0, 1])
})

test('masks and renderings are by environment', async () => {
  const env = await client.makeVector('CrystalFill-v1', 2, {
    mask: true,
    constraints: { formula: { Li: 1, F: 1 } },
  })
  const { info } = await env.reset({ seed: 1, options: { crystal: TWO_SITES } })
  expect(info.mask!.shape).toEqual([2, 88])
  await env.step([2, 8])
  const mask = await env.mask()
  const allowed = (i: number) =>
    [...mask.subarray(88 * i, 88 * i + 88).entries()].filter(([, bit]) => bit).map(([e]) => e)
  expect([allowed(0), allowed(1)]).toEqual([[8], [2]])
  expect(JSON.parse(await env.render(0, 'json'))).toMatchObject({ species: ['Li', null] })
  await env.close()
})

test('fractions and words among the actions are refused, not rounded', async () => {
  const env = await client.makeVector('CrystalFill-v1', 2)
  await env.reset({ seed: 1 })
  await expect(env.step([0.5, 1])).rejects.toMatchObject({ code: 'invalid_message' })
  await expect(env.step(Float64Array.of(0, 1))).resolves.toBeDefined()
})
