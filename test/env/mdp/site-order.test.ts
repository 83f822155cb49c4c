import { gunzipSync } from 'node:zlib'
import { readFileSync } from 'node:fs'
import { CrystalDataSet, parseCrystal, type Crystal } from '@unitcell/datasets'
import { fromNdArray, type Encoding, type NdArray } from '@unitcell/protocol'
import type { EnvironmentServer } from '@unitcell/env'
import { beforeAll, expect, test } from 'vitest'
import { hasShared, needsShared, shared } from '../../shared.js'
import { Peer, startServer } from '../server/wire.js'
import { compileCrystals, crystalsOf, relist } from './data-sets.js'

/** A permutation of the sites that is not the identity, drawn by a small linear congruential generator. */
function someOrder(sites: number, seed: number): number[] {
  const order = Array.from({ length: sites }, (_, site) => site)
  let state = seed
  for (let last = sites - 1; last > 0; last--) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    const other = state % (last + 1)
    ;[order[last], order[other]] = [order[other], order[last]]
  }
  return order.every((site, k) => site === k) ? order.reverse() : order
}

let listed: EnvironmentServer
let relisted: EnvironmentServer
let crystals: Crystal[]

function mp20Crystals(): Crystal[] {
  const lines = gunzipSync(readFileSync(shared('data/mp20-qe/val.jsonl.gz')))
    .toString()
    .trim()
    .split('\n')
  // Every 40th: 23 crystals of 2 to 20 sites.
  return lines.filter((_, i) => i % 40 === 0).map((line) => parseCrystal(JSON.parse(line)))
}

beforeAll(async () => {
  const builtin = crystalsOf(await CrystalDataSet.openBuiltin(), 'val').filter(
    // Every sixth is enough.
    ({ structure }, i) => structure.species.length > 1 && i % 6 === 0,
  )
  crystals = hasShared ? [...builtin, ...mp20Crystals()] : builtin
  const permuted = crystals.map((crystal, i) => relist(crystal, someOrder(crystal.structure.species.length, i + 1)))
  listed = await startServer({ datasets: [await compileCrystals('set', { val: crystals })] })
  relisted = await startServer({ datasets: [await compileCrystals('set', { val: permuted })] })
})

/** Plays every crystal with fixed seeds, and returns every frame but that of the greeting. */
async function transcript(url: string, encoding: Encoding, options: object): Promise<string[]> {
  const peer = await Peer.greet(url, encoding)
  const { handle } = await peer.result('make', { environment: 'CrystalFill-v1', options })
  for (let index = 0; index < crystals.length; index++) {
    await peer.result('reset', { handle, seed: 1000 + index, options: { crystal: { index } } })
    let action = index % 88
    for (let isOver = false; !isOver; action = (action * 7 + 3) % 88) {
      const { terminated } = await peer.result('step', { handle, actions: action })
      isOver = terminated as boolean
    }
    await peer.result('observe', { handle })
    for (const format of ['cif', 'poscar', 'json'] as const) await peer.result('render', { handle, format })
  }
  const vector = await peer.result('make', {
    environment: 'CrystalFill-v1',
    count: 4,
    options: { ...options, autoreset: 'same_step' },
  })
  await peer.result('reset', { handle: vector.handle, seed: 7 })
  for (let step = 0; step < 60; step++) {
    await peer.result('step', { handle: vector.handle, actions: [step % 88, (3 * step) % 88, 7, 11] })
  }
  await peer.close()
  const frames = peer.frames.slice(1).map((frame) => frame.toString('latin1'))
  expect(frames.length).toBeGreaterThan(crystals.length * 6 + 60)
  return frames
}

const encodings: Encoding[] = ['msgpack', 'json']

test.each(encodings)(
  `shuffled, every frame of %s is the same byte by byte for another listing${needsShared}`,
  async (encoding) => {
    for (const options of [
      { observe: 'full', mask: true },
      { source: 'random', space_group: 'skeleton' },
    ]) {
      const frames = await transcript(listed.url, encoding, options)
      expect(await transcript(relisted.url, encoding, options)).toEqual(frames)
    }
  },
)

/** Fills a crystal with its own elements as `reveal` tells them afterwards. */
async function truth(url: string, index: number, sites: 'shuffled' | 'file'): Promise<string> {
  const peer = await Peer.greet(url, 'msgpack')
  const { handle } = await peer.result('make', { environment: 'CrystalFill-v1', options: { sites } })
  await peer.result('reset', { handle, seed: 5, options: { crystal: { index } } })
  let info
  do ({ info } = await peer.result('step', { handle, actions: 0 }))
  while (info.outcome === undefined)
  await peer.close()
  return fromNdArray(info.outcome.true_elements!).join()
}

test('shuffled, the true elements told at the end stand in the numbering of the episode, whatever the listing', async () => {
  for (let index = 0; index < 10; index++) {
    expect(await truth(relisted.url, index, 'shuffled')).toBe(await truth(listed.url, index, 'shuffled'))
  }
})

test('shuffled, another seed lists the sites in another order', async () => {
  const peer = await Peer.greet(listed.url, 'msgpack')
  const { handle } = await peer.result('make', { environment: 'CrystalFill-v1' })
  const index = crystals.findIndex(({ structure }) => structure.species.length >= 4)
  const seen = new Set<string>()
  for (let seed = 0; seed < 12; seed++) {
    const { observation } = await peer.result('reset', { handle, seed, options: { crystal: { index } } })
    seen.add(fromNdArray(observation.graph!.frac_coords).join())
  }
  expect(seen.size).toBeGreaterThan(4)
  await peer.close()
})

test('with sites: file the episode keeps the order of the file', async () => {
  for (const [server, dataset] of [
    [listed, listed.options.datasets[0]],
    [relisted, relisted.options.datasets[0]],
  ] as const) {
    const peer = await Peer.greet(server.url, 'msgpack')
    const { handle } = await peer.result('make', { environment: 'CrystalFill-v1', options: { sites: 'file' } })
    for (let index = 0; index < crystals.length; index++) {
      const { structure, id } = dataset.split('val').crystal(index)
      expect(id).toBe(crystals[index].id)
      const { observation } = await peer.result('reset', { handle, seed: index, options: { crystal: { index } } })
      expect(fromNdArray(observation.graph!.frac_coords)).toEqual(structure.fracCoords.slice())
      expect(fromNdArray(observation.graph!.edges)).toEqual(dataset.split('val').graph(index).edges.slice())
      expect(await truth(server.url, index, 'file')).toBe(structure.species.join())
    }
    await peer.close()
  }
})

test('the observation is a sound graph: the order visits each site once, edges are as long as they say', async () => {
  const peer = await Peer.greet(listed.url, 'msgpack')
  const { handle } = await peer.result('make', { environment: 'CrystalFill-v1', options: { source: 'random' } })
  const numbers = (array: NdArray) => [...fromNdArray(array)]
  for (let index = 0; index < crystals.length; index++) {
    const { observation, info } = await peer.result('reset', { handle, seed: index, options: { crystal: { index } } })
    const graph = observation.graph!
    const order = numbers(graph.order)
    expect(order.toSorted((a, b) => a - b)).toEqual(order.map((_, k) => k))
    expect(order[0]).toBe(info.episode!.source)
    expect(observation.focus).toBe(order[0])
    const [lattice, coords, edges, images] = [graph.lattice, graph.frac_coords, graph.edges, graph.images].map(numbers)
    numbers(graph.distances).forEach((distance, e) => {
      const delta = [0, 1, 2].map(
        (axis) => coords[3 * edges[2 * e + 1] + axis] + images[3 * e + axis] - coords[3 * edges[2 * e] + axis],
      )
      const cartesian = [0, 1, 2].map((c) => delta.reduce((sum, d, row) => sum + d * lattice[3 * row + c], 0))
      expect(Math.hypot(...cartesian)).toBeCloseTo(distance, 9)
    })
  }
  await peer.close()
})
