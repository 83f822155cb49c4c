import { UNFILLED } from '@unitcell/datasets'
import { connect, fromNdArray, type Client, type NdArray, type VectorEnv } from '@unitcell/protocol'
import { beforeAll, expect, test } from 'vitest'
import { startServer } from '../server/wire.js'

let client: Client
beforeAll(async () => {
  client = await connect((await startServer()).url)
})

const OXYGEN = 7
/** Crystals of val with 2 and with 3 sites. */
const TWO = 'reference-lif-rocksalt'
let THREE: string

beforeAll(async () => {
  const env = await client.make('CrystalFill-v1')
  for (let index = 0; THREE === undefined; index++) {
    const { observation } = await env.reset({ seed: 0, options: { crystal: { index } } })
    if (observation.graph.sites !== 3) continue
    await env.step(0)
    await env.step(0)
    THREE = (await env.step(0)).info.outcome!.crystal!
  }
})

/** Two environments with crystals of 2 and 3 sites, after the step that ends the first. */
async function afterFirstEnd(mode: 'disabled' | 'next_step' | 'same_step') {
  const env = await client.makeVector('CrystalFill-v1', 2, { autoreset: mode })
  await env.reset({ seed: 1, options: { crystal: [TWO, THREE] } })
  const first = await env.step([OXYGEN, 1])
  expect([...first.terminated]).toEqual([0, 0])
  expect([...first.rewards]).toEqual([0, 0])
  const second = await env.step([OXYGEN, 2])
  expect([...second.terminated]).toEqual([1, 0])
  expect([...second.truncated]).toEqual([0, 0])
  expect([...second.rewards]).toEqual([-1, 0])
  const outcomes = second.info.outcomes!
  expect([...fromNdArray(outcomes.env)]).toEqual([0])
  expect([...fromNdArray(outcomes.elements)]).toEqual([OXYGEN, OXYGEN])
  expect(outcomes.crystal).toEqual([TWO])
  return { env, second }
}

const elementsOf = ({ elements, siteOffsets }: { elements: Uint8Array; siteOffsets: Int32Array }, env: number) => [
  ...elements.subarray(siteOffsets[env], siteOffsets[env + 1]),
]

test('next_step: the step that ends an episode shows its last observation', async () => {
  const { second } = await afterFirstEnd('next_step')
  expect(elementsOf(second.observation, 0)).toEqual([OXYGEN, OXYGEN])
  expect(second.observation.focus[0]).toBe(-1)
  expect(second.observation.step[0]).toBe(2)
  expect(second.info.episodes).toBeUndefined()
})

test.each([0, 87, -1, 88, 2 ** 31])(
  'next_step: the next step ignores its action, even %d, and starts an episode',
  async (action) => {
    const { env } = await afterFirstEnd('next_step')
    const third = await env.step([action, 3])
    expect([...third.rewards]).toEqual([0, -1])
    expect([...third.terminated]).toEqual([0, 1])
    expect([...fromNdArray(third.info.episodes!.env)]).toEqual([0])
    expect(new Set(elementsOf(third.observation, 0))).toEqual(new Set([UNFILLED]))
    expect(third.observation.step[0]).toBe(0)
    expect(third.observation.graphs[0].sites).toBe(elementsOf(third.observation, 0).length)
    expect([...fromNdArray(third.info.outcomes!.elements)].toSorted()).toEqual([1, 2, 3])
  },
)

test('same_step: the step that ends an episode shows the next one, and its outcome holds the final elements', async () => {
  const { env, second } = await afterFirstEnd('same_step')
  expect(new Set(elementsOf(second.observation, 0))).toEqual(new Set([UNFILLED]))
  expect(second.observation.step[0]).toBe(0)
  expect([...fromNdArray(second.info.episodes!.env)]).toEqual([0])
  const third = await env.step([5, 3])
  expect(elementsOf(third.observation, 0).filter((element) => element === 5)).toHaveLength(1)
})

test('disabled: a step after the end is refused until the environment is reset', async () => {
  const { env, second } = await afterFirstEnd('disabled')
  expect(elementsOf(second.observation, 0)).toEqual([OXYGEN, OXYGEN])
  await expect(env.step([0, 3])).rejects.toMatchObject({ code: 'episode_over', details: { env: 0 } })
  const reset = await env.reset({ which: [0], seed: 4 })
  expect(new Set(elementsOf(reset.observation, 0))).toEqual(new Set([UNFILLED]))
  expect(elementsOf(reset.observation, 1).filter((element) => element === UNFILLED)).toHaveLength(1)
  const third = await env.step([0, 3])
  expect([...third.terminated]).toEqual([third.observation.focus[0] === -1 ? 1 : 0, 1])
})

test('the three modes play the same episodes, only told at different steps', async () => {
  const outcomes = async (env: VectorEnv, steps: number) => {
    const told: number[][] = []
    await env.reset({ seed: 11 })
    for (let step = 0; step < steps; step++) {
      const { info } = await env.step([OXYGEN])
      if (info.outcomes) told.push([...fromNdArray(info.outcomes.true_elements as NdArray)])
      if (info.outcomes && env.spec.options['autoreset'] === 'disabled') await env.reset()
    }
    return told.slice(0, 4)
  }
  const make = (autoreset: 'disabled' | 'next_step' | 'same_step') =>
    client.makeVector('CrystalFill-v1', 1, { autoreset })
  const told = await outcomes(await make('disabled'), 60)
  expect(told).toHaveLength(4)
  expect(await outcomes(await make('next_step'), 60)).toEqual(told)
  expect(await outcomes(await make('same_step'), 60)).toEqual(told)
})

test('a vector defaults to next_step, a single environment to disabled', async () => {
  expect((await client.makeVector('CrystalFill-v1', 1)).spec.options['autoreset']).toBe('next_step')
  expect((await client.make('CrystalFill-v1')).spec.options['autoreset']).toBe('disabled')
})

test('a single environment has the modes, too', async () => {
  const next = await client.make('CrystalFill-v1', { autoreset: 'next_step' })
  await next.reset({ seed: 1, options: { crystal: TWO } })
  await next.step(OXYGEN)
  expect((await next.step(OXYGEN)).terminated).toBe(true)
  const third = await next.step(-1)
  expect(third).toMatchObject({ reward: 0, terminated: false, observation: { step: 0 } })
  expect(third.info.episode).toBeDefined()
  const same = await client.make('CrystalFill-v1', { autoreset: 'same_step' })
  await same.reset({ seed: 1, options: { crystal: TWO } })
  await same.step(OXYGEN)
  const second = await same.step(OXYGEN)
  expect(second).toMatchObject({ reward: -1, terminated: true, observation: { step: 0 } })
  expect([...fromNdArray(second.info.outcome!.elements)]).toEqual([OXYGEN, OXYGEN])
})
