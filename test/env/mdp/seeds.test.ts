import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { fromNdArray, type Result } from '@unitcell/protocol'
import { beforeAll, expect, test } from 'vitest'
import { Peer, startServer } from '../server/wire.js'

let url: string
beforeAll(async () => {
  ;({ url } = await startServer())
})

/** Frames of one environment and one vector, played with fixed seeds and actions. */
async function play(address: string): Promise<string[]> {
  const peer = await Peer.greet(address, 'json')
  const { handle } = await peer.result('make', { environment: 'CrystalFill-v1', options: { source: 'random' } })
  for (const seed of [0, 1, 2 ** 32, Number.MAX_SAFE_INTEGER]) {
    await peer.result('reset', { handle, seed })
    let over = false
    while (!over) over = (await peer.result('step', { handle, actions: 7 })).terminated as boolean
    await peer.result('reset', { handle })
  }
  const vector = await peer.result('make', { environment: 'CrystalFill-v1', count: 8 })
  await peer.result('reset', { handle: vector.handle, seed: 3 })
  for (let step = 0; step < 30; step++) {
    await peer.result('step', { handle: vector.handle, actions: Array.from({ length: 8 }, (_, i) => (step * i) % 88) })
  }
  await peer.close()
  return peer.frames.slice(1).map(String)
}

test('the same seed and options give the same episodes, in another process too', async () => {
  const bin = fileURLToPath(new URL('../../../env/bin.js', import.meta.url))
  const child = spawn(process.execPath, [bin, 'serve', '--no-dft', '--port', '0'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  try {
    let address: string | undefined
    for await (const line of createInterface(child.stdout)) if ((address = /ws:\S+/.exec(line)?.[0])) break
    const frames = await play(url)
    expect(await play(url)).toEqual(frames)
    expect(await play(address!)).toEqual(frames)
  } finally {
    child.kill()
    await once(child, 'exit')
  }
})

test('different seeds give different episodes', async () => {
  const peer = await Peer.greet(url)
  const { handle } = await peer.result('make', { environment: 'CrystalFill-v1' })
  const seen = new Set<string>()
  for (const seed of [0, 1, 2, 3, 2 ** 31, 2 ** 32, 2 ** 32 + 1, 2 ** 53 - 1]) {
    const { observation } = await peer.result('reset', { handle, seed })
    const { lattice, frac_coords } = observation.graph!
    seen.add(JSON.stringify([...fromNdArray(lattice), ...fromNdArray(frac_coords)]))
  }
  expect(seen.size).toBeGreaterThan(6)
})

test('the effective seed is echoed, and a reset with it gives the episode again', async () => {
  const peer = await Peer.greet(url)
  const { handle } = await peer.result('make', { environment: 'CrystalFill-v1' })
  expect((await peer.result('reset', { handle, seed: 42 })).info.episode!.seed).toBe(42)
  const unseeded = await Peer.greet(url)
  const other = await unseeded.result('make', { environment: 'CrystalFill-v1' })
  for (let round = 0; round < 3; round++) {
    const drawn = await unseeded.result('reset', { handle: other.handle })
    const again = await peer.result('reset', { handle, seed: drawn.info.episode!.seed })
    expect(again).toEqual(drawn)
  }
})

test('resets without a seed go on with the stream of the last seed', async () => {
  const peer = await Peer.greet(url)
  const { handle } = await peer.result('make', { environment: 'CrystalFill-v1' })
  const three = async () => {
    const seeds = [(await peer.result('reset', { handle, seed: 9 })).info.episode!.seed]
    for (let i = 0; i < 2; i++) seeds.push((await peer.result('reset', { handle })).info.episode!.seed)
    return seeds
  }
  const seeds = await three()
  expect(new Set(seeds).size).toBe(3)
  expect(await three()).toEqual(seeds)
})

test('environment i of a vector with seed s plays what a single environment with seed s + i plays', async () => {
  const peer = await Peer.greet(url)
  const options = { autoreset: 'same_step', observe: 'full' } as const
  const vector = await peer.result('make', { environment: 'CrystalFill-v1', count: 5, options })
  const singles = await Promise.all(
    Array.from({ length: 5 }, () => peer.result('make', { environment: 'CrystalFill-v1', options })),
  )
  const numbers = (array: unknown) => [...fromNdArray(array as never)]
  const compare = async (whole: Result<'reset'>, parts: Result<'reset'>[]) => {
    const join = (read: (observation: Result<'reset'>['observation']) => unknown) =>
      parts.flatMap(({ observation }) => numbers(read(observation)))
    expect(numbers(whole.observation.elements)).toEqual(join((one) => one.elements))
    expect(numbers(whole.observation.focus)).toEqual(parts.map(({ observation }) => observation.focus))
    expect(numbers(whole.observation.step)).toEqual(parts.map(({ observation }) => observation.step))
    const names = Object.keys(parts[0].observation.graph!) as (keyof NonNullable<typeof whole.observation.graph>)[]
    for (const name of names) expect(numbers(whole.observation.graph![name])).toEqual(join((one) => one.graph![name]))
  }
  const reset = await peer.result('reset', { handle: vector.handle, seed: 100 })
  await compare(
    reset,
    await Promise.all(singles.map(({ handle }, i) => peer.result('reset', { handle, seed: 100 + i }))),
  )
  for (let step = 0; step < 25; step++) {
    const actions = [0, 1, 2, 3, 4].map((i) => (step * 5 + i) % 88)
    const whole = await peer.result('step', { handle: vector.handle, actions })
    const parts = await Promise.all(
      singles.map(({ handle }, i) => peer.result('step', { handle, actions: actions[i] })),
    )
    await compare(whole, parts)
    expect(numbers(whole.reward)).toEqual(parts.map((part) => part.reward))
  }
})

test('a list of seeds names one for each environment that is reset', async () => {
  const peer = await Peer.greet(url)
  const { handle } = await peer.result('make', { environment: 'CrystalFill-v1', count: 3 })
  const all = await peer.result('reset', { handle, seed: [5, 50, 500] })
  expect([...fromNdArray(all.info.episodes!.seed)]).toEqual([5, 50, 500])
  const some = await peer.result('reset', { handle, seed: [9], which: [1] })
  expect([...fromNdArray(some.info.episodes!.seed)]).toEqual([9])
  expect([...fromNdArray(some.info.episodes!.env)]).toEqual([1])
  const offset = await peer.result('reset', { handle, seed: 10, which: [0, 2] })
  expect([...fromNdArray(offset.info.episodes!.seed)]).toEqual([10, 12])
  expect((await peer.error('reset', { handle, seed: [1, 2] })).message).toBe('seed: 2 seeds for 3 environments')
  expect((await peer.error('reset', { handle, seed: Number.MAX_SAFE_INTEGER })).code).toBe('invalid_message')
})
