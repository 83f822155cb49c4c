import { CrystalDataSet } from '@unitcell/datasets'
import { connect, fromNdArray, type Client, type Env } from '@unitcell/protocol'
import { beforeAll, expect, test } from 'vitest'
import { startServer } from '../server/wire.js'

let client: Client
let dataset: CrystalDataSet
/** Crystals of the split. */
let VAL: number
beforeAll(async () => {
  dataset = await CrystalDataSet.openBuiltin()
  VAL = dataset.split('val').count
  client = await connect((await startServer()).url)
})

async function indices(env: Env, episodes: number): Promise<number[]> {
  const seen: number[] = []
  for (let i = 0; i < episodes; i++) seen.push((await env.reset()).info.episode!.index!)
  return seen
}

const range = (from: number, count: number) => Array.from({ length: count }, (_, i) => (from + i) % VAL)

test('select: sequential gives one crystal after the other, from reset to reset, wrapping around', async () => {
  const env = await client.make('CrystalFill-v1', { split: 'val', select: 'sequential' })
  expect(await indices(env, VAL + 3)).toEqual(range(0, VAL + 3))
})

test('a reset with other options, or one that fails, does not disturb the sequence', async () => {
  const env = await client.make('CrystalFill-v1', { split: 'val', select: 'sequential' })
  expect(await indices(env, 2)).toEqual([0, 1])
  expect((await env.reset({ options: { target: 2 } })).info.episode!.index).toBe(2)
  await expect(env.reset({ options: { elements: ['Qq'] } })).rejects.toMatchObject({ code: 'invalid_options' })
  await expect(env.reset({ options: { split: 'nope' } })).rejects.toMatchObject({ code: 'unknown_split' })
  expect((await env.reset({ seed: 5 })).info.episode!.index).toBe(3)
})

test('start says where the sequence goes on; beyond the split, or without a sequence, it is refused', async () => {
  const env = await client.make('CrystalFill-v1', { split: 'val', select: 'sequential' })
  expect((await env.reset({ options: { start: VAL - 4 } })).info.episode!.index).toBe(VAL - 4)
  expect(await indices(env, 5)).toEqual(range(VAL - 3, 5))
  await expect(env.reset({ options: { start: VAL } })).rejects.toMatchObject({ code: 'unknown_crystal' })
  const random = await client.make('CrystalFill-v1', { split: 'val' })
  await expect(random.reset({ options: { start: 0 } })).rejects.toMatchObject({ code: 'invalid_options' })
})

test('a vector deals the sequence out over its environments', async () => {
  const env = await client.makeVector('CrystalFill-v1', 5, { split: 'val', select: 'sequential' })
  const first = await env.reset({ seed: 0 })
  expect([...fromNdArray(first.info.episodes!.index)]).toEqual([0, 1, 2, 3, 4])
  const second = await env.reset({ which: [1, 3] })
  expect([...fromNdArray(second.info.episodes!.index)]).toEqual([5, 6])
})

test('select: random reaches every crystal of the split', async () => {
  const env = await client.make('CrystalFill-v1', { split: 'val' })
  await env.reset({ seed: 0 })
  expect(new Set(await indices(env, 12 * VAL)).size).toBe(VAL)
})

test('a crystal is chosen by id, by index, and by split and index', async () => {
  const env = await client.make('CrystalFill-v1', { split: 'val' })
  const episode = async (crystal: string | { split?: string; index: number }) =>
    (await env.reset({ options: { crystal } })).info.episode
  const id = dataset.split('train').id(17)
  expect(await episode(id)).toMatchObject({ split: 'train', index: 17 })
  expect(await episode({ index: 3 })).toMatchObject({ split: 'val', index: 3 })
  expect(await episode({ split: 'train', index: 3 })).toMatchObject({ split: 'train', index: 3 })
})

test('options of a reset hold from then on, and those of make until then', async () => {
  const env = await client.make('CrystalFill-v1', { split: 'val', reward: { target: 1 } })
  expect((await env.reset()).observation.graph.target).toBe(1)
  expect((await env.reset({ options: { target: 3, split: 'train' } })).observation.graph.target).toBe(3)
  const { observation, info } = await env.reset()
  expect(observation.graph.target).toBe(3)
  expect(info.episode!.split).toBe('train')
  expect((await env.reset({ options: { target: null } })).observation.graph.target).toBe(null)
})

test('an episode that goes on keeps the rules under which it started when another environment gets new ones', async () => {
  const crystal = dataset.split('val').id(0)
  const { structure } = dataset.split('val').crystal(0)
  const gap = dataset.split('val').labels(0).bandGapEv!
  const reward = { alpha1: 0, alpha2: 5, beta: 1, target: gap }
  const env = await client.makeVector('CrystalFill-v1', 2, { reward, autoreset: 'disabled', sites: 'file' })
  const { observation } = await env.reset({ options: { crystal, elements: null } })
  expect(observation.graphs[0].target).toBe(gap)
  const only = await env.reset({ which: [1], options: { crystal, target: gap + 1, elements: ['He'] } })
  expect(only.observation.graphs.map(({ target }) => target)).toEqual([gap, gap + 1])
  const mask = await env.mask()
  expect(mask.subarray(0, 88).reduce((a, b) => a + b)).toBe(88)
  expect(mask.subarray(88).reduce((a, b) => a + b)).toBe(1)
  let rewards: Float64Array = new Float64Array()
  for (const site of observation.graphs[0].order) ({ rewards } = await env.step([structure.species[site], 1]))
  expect([...rewards]).toEqual([5, -1])
})

test('the source of the breadth-first order is taken modulo the number of sites', async () => {
  const env = await client.make('CrystalFill-v1', { source: 1_000_001 })
  const { observation, info } = await env.reset({ seed: 3 })
  expect(info.episode!.source).toBe(1_000_001 % observation.graph.sites)
  expect(observation.graph.order[0]).toBe(info.episode!.source)
})

test('space_group tells the number of the crystal, or of its bare skeleton', async () => {
  for (const kind of ['crystal', 'skeleton'] as const) {
    const env = await client.make('CrystalFill-v1', { space_group: kind, split: 'val' })
    for (let index = 0; index < VAL; index++) {
      const { observation } = await env.reset({ options: { crystal: { index } } })
      const shard = dataset.split('val')
      const expected = kind === 'crystal' ? shard.spaceGroup(index) : shard.skeletonSpaceGroup(index)
      expect(observation.graph.spaceGroup).toBe(expected)
    }
  }
})

test('reveal: never keeps truth and id to the server, and true labels, too', async () => {
  const env = await client.make('CrystalFill-v1', { reveal: 'never' })
  const { observation } = await env.reset({ options: { crystal: dataset.split('train').id(0) } })
  let info
  for (let i = 0; i < observation.graph.sites; i++) ({ info } = await env.step(0))
  expect(info!.outcome).toMatchObject({
    true_elements: null,
    crystal: null,
    true_total_energy_ry: null,
    true_band_gap_ev: null,
  })
})
