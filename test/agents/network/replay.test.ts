import { CrystalDataSet, terminalReward, type CrystalShard } from '@unitcell/datasets'
import {
  architecture,
  checkBatch,
  createQNetwork,
  localGeometry,
  Packer,
  Replay,
  type CqlObjective,
  type GraphBatch,
  type QNetwork,
} from '@unitcell/network'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

let train: CrystalShard
beforeAll(async () => void (train = (await CrystalDataSet.openBuiltin()).split('train')))

const paperPacker = () => new Packer({ state: { scale: 'raw', volume: false, target: false } })
const richPacker = () =>
  new Packer({ state: { scale: 'normalised', volume: true, target: true }, features: [localGeometry] })
const cqlParameters = { gamma: 0.99, omega: 1 }

describe('a batch of the paper', () => {
  test('holds the cell, the space group, the filled sites and both directions of every edge of a crystal', () => {
    const replay = new Replay(train, paperPacker(), { batchSize: 64, seed: 1 })
    const { batch, actions } = replay.cloning(0)
    const rows = replay.rows(0)
    checkBatch(batch, architecture({ stateSize: 7 }))
    rows.forEach((row, g) => {
      const { lattice, species } = train.structure(row)
      const { edges, distances } = train.graph(row)
      const [first, end] = [batch.nodeOffsets[g], batch.nodeOffsets[g + 1]]
      expect(end - first).toBe(species.length)
      const state = batch.state.subarray(7 * g, 7 * g + 7)
      expect(state[0]).toBeCloseTo(Math.hypot(lattice[0], lattice[1], lattice[2]), 4)
      expect(state[6]).toBe(train.spaceGroup(row))
      expect(actions[g]).toBe(species[batch.focus[g]])
      const elements = batch.elements.subarray(first, end)
      elements.forEach((element, site) => expect([88, species[site]]).toContain(element))
      expect(elements[batch.focus[g]]).toBe(88)
      expect(edgesOf(batch, g)).toEqual(
        Array.from(distances, (d, e) => [
          [edges[2 * e], edges[2 * e + 1], Math.fround(d)],
          [edges[2 * e + 1], edges[2 * e], Math.fround(d)],
        ])
          .flat()
          .sort(byNumbers),
      )
    })
  })

  test('meets every transition of an epoch once', () => {
    const replay = new Replay(train, paperPacker(), { batchSize: 50, seed: 3 })
    const seen = new Map<string, number>()
    for (let k = 0; k < replay.batchesPerEpoch; k++) {
      const { batch } = replay.cloning(k)
      replay.rows(k).forEach((row, g) => {
        const state = batch.elements.subarray(batch.nodeOffsets[g], batch.nodeOffsets[g + 1])
        const key = `${row} ${batch.focus[g]} ${state.join()}`
        seen.set(key, (seen.get(key) ?? 0) + 1)
      })
    }
    // The same state can lie on the way of several sources, at most the paper's five.
    expect(Math.max(...seen.values())).toBeLessThanOrEqual(5)
    expect([...seen.values()].reduce((a, b) => a + b)).toBe(replay.batchesPerEpoch * 50)
  })

  test('does not depend on the batches drawn before it', () => {
    const options = { batchSize: 32, seed: 7, trajectories: { sites: 'shuffled' } } as const
    const straight = new Replay(train, paperPacker(), options)
    const jumping = new Replay(train, paperPacker(), options)
    const far = 2 * straight.batchesPerEpoch + 3
    straight.cloning(0)
    jumping.cloning(far - 1)
    expect(jumping.cloning(far)).toEqual(straight.cloning(far))
    expect(jumping.cloning(1)).toEqual(straight.cloning(1))
    expect(jumping.cloning(1)).not.toEqual(straight.cloning(far))
  })

  test('of no transitions, or of more than there are, is refused', () => {
    for (const batchSize of [0, 1.5, 10 ** 7]) {
      expect(() => new Replay(train, paperPacker(), { batchSize, seed: 0 })).toThrow(
        expect.objectContaining({ code: 'bad_argument' }),
      )
    }
  })
})

describe('a batch for CQL', () => {
  const draw = (sites: 'file' | 'shuffled', k = 0): [CqlObjective & { siteElements: Uint8Array }, Replay] => {
    const reward = { alpha1: 1, alpha2: 5, beta: 3 }
    const targets = [1.12, 4, 'true'] as const
    const replay = new Replay(train, richPacker(), {
      batchSize: 128,
      seed: 5,
      trajectories: { sites },
      reward,
      targets,
    })
    return [replay.cql(k, cqlParameters), replay]
  }

  test.each(['file', 'shuffled'] as const)(
    'rewards last transitions by Eq. (7), each with its own target (%s)',
    (sites) => {
      const [{ batch, terminal, rewards }, replay] = draw(sites)
      const targets = new Set<number>()
      replay.rows(0).forEach((row, g) => {
        const target = 2 + 2 * batch.state[9 * g + 8]
        const labels = train.labels(row)
        const sitesLeft = batch.elements
          .subarray(batch.nodeOffsets[g], batch.nodeOffsets[g + 1])
          .filter((element) => element === 88).length
        expect(terminal[g]).toBe(sitesLeft === 1 ? 1 : 0)
        const parameters = { alpha1: 1, alpha2: 5, beta: 3, target, energy: 'total', failure: -1 } as const
        expect(rewards[g]).toBeCloseTo(terminal[g] ? terminalReward(labels, parameters).value : 0, 4)
        expect([1.12, 4, labels.bandGapEv].some((gap) => Math.abs(gap! - target) < 1e-5)).toBe(true)
        targets.add(Math.round(target * 100))
      })
      expect(targets).toContain(112)
      expect(targets).toContain(400)
      expect(targets.size).toBeGreaterThan(10)
    },
  )

  test.each(['file', 'shuffled'] as const)('goes on to the state with the action filled in (%s)', (sites) => {
    const [{ batch, terminal, actions, next, siteElements }] = draw(sites)
    checkBatch(next!, architecture({ stateSize: 9, nodeFeatures: 3 }))
    let following = 0
    terminal.forEach((isLast, g) => {
      const [first, end] = [batch.nodeOffsets[g], batch.nodeOffsets[g + 1]]
      expect(siteElements[first + batch.focus[g]]).toBe(actions[g])
      if (isLast) return
      const after = batch.elements.slice(first, end)
      after[batch.focus[g]] = actions[g]
      const [nextFirst, nextEnd] = [next!.nodeOffsets[following], next!.nodeOffsets[following + 1]]
      expect(next!.elements.slice(nextFirst, nextEnd)).toEqual(after)
      expect(after[next!.focus[following]]).toBe(88)
      expect(edgesOf(next!, following)).toEqual(edgesOf(batch, g))
      following++
    })
    expect(following).toBe(next!.focus.length)
  })

  test('shuffled, tells nothing by the numbers of the sites: first sites are as often oxygen as others', () => {
    const counts = { first: 0, last: 0, n: 0 }
    for (let k = 0; k < 8; k++) {
      const [{ batch, siteElements }] = draw('shuffled', k)
      for (let g = 0; g < batch.focus.length; g++) {
        counts.first += Number(siteElements[batch.nodeOffsets[g]] === 7)
        counts.last += Number(siteElements[batch.nodeOffsets[g + 1] - 1] === 7)
        counts.n++
      }
    }
    expect(Math.abs(counts.first - counts.last) / counts.n).toBeLessThan(0.08)
  })
})

test('a state packed from an observation is the state packed from the data set', () => {
  const packer = richPacker()
  const replay = new Replay(train, packer, { batchSize: 16, seed: 2, targets: [2] })
  const { batch } = replay.cloning(0)
  const graphs = Array.from(replay.rows(0), (row) => ({
    ...train.graph(row),
    lattice: train.structure(row).lattice,
    fracCoords: train.structure(row).fracCoords,
    spaceGroup: train.spaceGroup(row),
    target: 2,
  }))
  const observation = { elements: batch.elements, focus: Int32Array.from(batch.focus), graphs }
  expect(packer.packObservation(observation)).toEqual(batch)
})

test('a network with a target in its state refuses an episode without one', () => {
  const { lattice, fracCoords } = train.structure(0)
  const graph = { ...train.graph(0), lattice, fracCoords, spaceGroup: 1, target: null }
  const observation = { elements: new Uint8Array(fracCoords.length / 3).fill(88), focus: [0], graphs: [graph] }
  expect(() => richPacker().packObservation(observation)).toThrow(expect.objectContaining({ code: 'bad_batch' }))
})

describe('a network that reads the focus from its node', () => {
  let network: QNetwork
  const packer = new Packer({
    state: { scale: 'normalised', volume: true, target: false },
    features: [localGeometry],
  })
  beforeAll(async () => {
    const a = architecture({ focus: 'node', gaussians: 8, stateSize: packer.stateSize, nodeFeatures: 3 })
    network = await createQNetwork(a, { seed: 4, backend: 'tfjs' })
  })
  afterAll(() => network.dispose())

  test('answers the same however the sites are numbered', async () => {
    const crystals = [packer.split(train)[0], packer.split(train)[40], packer.split(train)[90]]
    const sites = crystals.reduce((sum, crystal) => sum + crystal.sites, 0)
    const elements = Uint8Array.from({ length: sites }, (_, i) => (i % 3 === 0 ? 88 : i))
    const states = { crystals, elements, focus: [0, 0, 0] }
    const numbering = crystals.flatMap((crystal) => Array.from({ length: crystal.sites }, (_, k) => k).reverse())
    const listed = await network.forward(packer.pack(states))
    const renumbered = await network.forward(packer.pack({ ...states, numbering }))
    listed.forEach((q, i) => expect(renumbered[i]).toBeCloseTo(q, 5))
  })
})

/** The edges of a graph of the batch as [source, target, length], counted within the graph. */
function edgesOf(batch: GraphBatch, g: number): number[][] {
  const first = batch.nodeOffsets[g]
  const edges = []
  for (let e = batch.edgeOffsets[g]; e < batch.edgeOffsets[g + 1]; e++) {
    edges.push([batch.sources[e] - first, batch.targets[e] - first, batch.distances[e]])
  }
  return edges.sort(byNumbers)
}

function byNumbers(a: number[], b: number[]): number {
  return a[0] - b[0] || a[1] - b[1] || a[2] - b[2]
}
