import fc from 'fast-check'
import { beforeAll, describe, expect, test } from 'vitest'
import {
  adjacency,
  breadthFirstOrder,
  CrystalDataSet,
  DEFAULT_REWARD,
  IndexPermutation,
  IndexSampler,
  returnToGo,
  TransitionBatch,
  TransitionSet,
  UNFILLED,
  type CrystalShard,
  type TrajectoryOptions,
} from '@unitcell/datasets'

let shard: CrystalShard
let paper: TransitionSet

beforeAll(async () => {
  shard = (await CrystalDataSet.openBuiltin()).split('train')
  paper = new TransitionSet(shard)
})

/** The fillings of a whole trajectory, site by site of the shard's listing. */
function filling(set: TransitionSet, j: number): number[] {
  const { starts, sites, actions } = set.trajectories
  const elements = new Array<number>(starts[j + 1] - starts[j]).fill(UNFILLED)
  for (let t = starts[j]; t < starts[j + 1]; t++) elements[sites[t]] = actions[t]
  return elements
}

describe('the transitions of a split', () => {
  test('are the N steps of min(5, N) breadth-first orders of every connected crystal', () => {
    const { starts, crystals, sites, actions } = paper.trajectories
    let j = 0
    for (let row = 0; row < shard.count; row++) {
      if (!shard.connected(row)) continue
      const { species } = shard.structure(row)
      const neighbors = adjacency(shard.graph(row), species.length)
      for (let source = 0; source < Math.min(5, species.length); source++, j++) {
        const order = breadthFirstOrder(neighbors, source)
        expect(crystals[j]).toBe(row)
        expect([...sites.subarray(starts[j], starts[j + 1])]).toEqual([...order])
        expect([...actions.subarray(starts[j], starts[j + 1])]).toEqual([...order].map((site) => species[site]))
      }
    }
    expect(j).toBe(paper.trajectoryCount)
  })

  test('begin with an empty crystal, fill the focus at each step, and end filled, with the reward at the end alone', () => {
    const { values } = paper.rewards({ ...DEFAULT_REWARD, target: 2 })
    const batch = new TransitionBatch(paper.count)
    paper.gather(
      Array.from({ length: paper.count }, (_, t) => t),
      values,
      batch,
    )
    for (let t = 0; t < paper.count; t++) {
      const elements = batch.elements.slice(batch.siteOffsets[t], batch.siteOffsets[t + 1])
      expect(elements.filter((element) => element !== UNFILLED)).toHaveLength(batch.steps[t])
      expect(elements[batch.focus[t]]).toBe(UNFILLED)
      elements[batch.focus[t]] = batch.actions[t]
      if (batch.dones[t]) {
        expect([...elements]).toEqual([...shard.structure(batch.crystals[t]).species])
        expect(batch.rewards[t]).toBe(values[batch.crystals[t]])
      } else {
        const next = batch.elements.slice(batch.siteOffsets[t + 1], batch.siteOffsets[t + 2])
        expect([...elements]).toEqual([...next])
        expect(batch.nextFocus[t]).toBe(batch.focus[t + 1])
        expect(batch.rewards[t]).toBe(0)
      }
    }
  })

  test('drop crystals that fall into parts, or continue them', () => {
    const whole = new TransitionSet(shard, { disconnected: 'continue' })
    let expected = 0
    for (let row = 0; row < shard.count; row++) expected += shard.siteCount(row) * Math.min(5, shard.siteCount(row))
    expect(whole.count).toBe(expected)
  })

  test('of all sources are N times N', () => {
    const all = new TransitionSet(shard, { sources: 'all', disconnected: 'continue' })
    let expected = 0
    for (let row = 0; row < shard.count; row++) expected += shard.siteCount(row) ** 2
    expect(all.count).toBe(expected)
  })

  const variants: [string, TrajectoryOptions][] = [
    ['shuffled sites', { sites: 'shuffled' }],
    ['random orders', { order: 'random' }],
    ['both', { sites: 'shuffled', order: 'random' }],
  ]
  test.each(variants)(
    'with %s visit every site once, from distinct sources, the same for the same seed',
    (_, options) => {
      const set = new TransitionSet(shard, { ...options, seed: 7 })
      expect(set.count).toBe(paper.count)
      const sources = new Map<number, Set<number>>()
      const { starts, crystals, sites, numbering } = set.trajectories
      for (let j = 0; j < set.trajectoryCount; j++) {
        expect(filling(set, j)).toEqual([...shard.structure(crystals[j]).species])
        const known = sources.get(crystals[j]) ?? new Set()
        sources.set(crystals[j], known.add(sites[starts[j]]))
        const own = numbering?.slice(starts[j], starts[j + 1]).sort()
        if (own) expect([...own]).toEqual([...own.keys()])
      }
      for (const [row, distinct] of sources) expect(distinct.size).toBe(Math.min(5, shard.siteCount(row)))
      expect(new TransitionSet(shard, { ...options, seed: 7 }).trajectories).toEqual(set.trajectories)
      expect(new TransitionSet(shard, { ...options, seed: 8 }).trajectories).not.toEqual(set.trajectories)
    },
  )

  test('with shuffled sites visit neighbours in the order of the new numbers', () => {
    const set = new TransitionSet(shard, { sites: 'shuffled', seed: 1 })
    const { starts, crystals, sites, numbering } = set.trajectories
    for (let j = 0; j < set.trajectoryCount; j++) {
      const own = numbering!.subarray(starts[j], starts[j + 1])
      const { edges } = shard.graph(crystals[j])
      const renumbered = adjacency({ edges: edges.map((site) => own.indexOf(site)) }, own.length)
      const order = breadthFirstOrder(renumbered, own.indexOf(sites[starts[j]]))
      expect([...order].map((k) => own[k])).toEqual([...sites.subarray(starts[j], starts[j + 1])])
    }
  })

  test('have, on request, other fillings that the symmetry of the skeleton makes the same crystal', () => {
    const set = new TransitionSet(shard, { fillings: 4, sources: 1 })
    const byCrystal = new Map<number, string[]>()
    for (let j = 0; j < set.trajectoryCount; j++) {
      const row = set.trajectories.crystals[j]
      byCrystal.set(row, [...(byCrystal.get(row) ?? []), filling(set, j).join()])
    }
    let most = 0
    for (const [row, fillings] of byCrystal) {
      const { species } = shard.structure(row)
      const equivalent = shard.permutations(row).map((permutation) => {
        const moved = new Uint8Array(species.length)
        permutation.forEach((target, site) => (moved[target] = species[site]))
        return moved.join()
      })
      expect(fillings[0]).toBe(species.join())
      expect(new Set(fillings).size).toBe(fillings.length)
      expect(fillings.length).toBe(Math.min(4, new Set(equivalent).size))
      for (const one of fillings) expect(equivalent).toContain(one)
      most = Math.max(most, fillings.length)
    }
    expect(most).toBeGreaterThan(1)
  })

  test('are of the crystals that a filter lets pass', () => {
    const elements = ['Na', 'K', 'Cl', 'F']
    const set = new TransitionSet(shard, { filter: { gapEv: { min: 3, max: 6 }, sites: { max: 2 }, elements } })
    expect(set.count).toBeGreaterThan(0)
    for (const row of set.trajectories.crystals) {
      expect(shard.labels(row).bandGapEv).toBeGreaterThanOrEqual(3)
      expect(shard.labels(row).bandGapEv).toBeLessThanOrEqual(6)
      expect(shard.siteCount(row)).toBeLessThanOrEqual(2)
    }
  })

  test.each<[TrajectoryOptions, RegExp]>([
    [{ sources: 0 }, /number of sources/],
    [{ fillings: 1.5 }, /number of fillings/],
    [{ seed: -1 }, /seed/],
    [{ filter: { elements: ['Xx'] } }, /none of the 88 elements/],
    [{ filter: { gapEv: { min: 2, max: 1 } } }, /gap range is empty/],
  ])('refuse %j', (options, message) => {
    expect(() => new TransitionSet(shard, options)).toThrow(message)
  })
})

describe('rewards of recorded crystals', () => {
  test('count the crystals that have none, and give them the failure reward', () => {
    const { values, failures } = paper.rewards({ ...DEFAULT_REWARD, energy: 'formation', failure: -3 })
    const unlabelled = [...values.keys()].filter((row) => shard.labels(row).formationEnergyEvPerAtom === null)
    expect(failures.get('unlabelled') ?? []).toEqual(unlabelled)
    for (const row of unlabelled) expect(values[row]).toBe(-3)
  })

  test('are discounted by the steps to the end', () => {
    // By hand: 0.99^3 * 10 and, at the last step, the reward itself.
    expect(returnToGo(10, 3, 0.99)).toBeCloseTo(9.70299, 12)
    expect(returnToGo(10, 0, 0.99)).toBe(10)
  })
})

describe('samplers', () => {
  test('permute 0..n-1: every index once, another order for another seed or epoch', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 3000 }), fc.maxSafeNat(), fc.nat(50), (count, seed, epoch) => {
        const permutation = new IndexPermutation(count, seed, epoch)
        const seen = new Set(Array.from({ length: count }, (_, k) => permutation.at(k)))
        expect(seen.size).toBe(count)
        expect(Math.max(...seen)).toBe(count - 1)
      }),
      { numRuns: 50 },
    )
    const walk = (seed: number, epoch: number) => {
      const permutation = new IndexPermutation(1000, seed, epoch)
      return Array.from({ length: 1000 }, (_, k) => permutation.at(k)).join()
    }
    expect(new Set([walk(1, 0), walk(1, 1), walk(2, 0)]).size).toBe(3)
  })

  test.each(['epochs', 'replacement'] as const)('are uniform and go on from a position (%s)', (mode) => {
    const count = 101
    const draws = new Uint32Array(count * 400)
    new IndexSampler(count, { seed: 5, mode }).fill(draws)
    const hits = new Float64Array(count)
    // The first half of each epoch alone, so that a permutation has to be uniform in its places, too.
    draws.forEach((index, k) => (hits[index] += Number(k % count < 50)))
    const expected = 50 * 4
    const chiSquared = hits.reduce((sum, n) => sum + (n - expected) ** 2 / expected, 0)
    // 100 degrees of freedom: 99.99 % lie below 161.
    expect(chiSquared).toBeLessThan(161)
    const resumed = new IndexSampler(count, { seed: 5, mode })
    resumed.position = 777
    expect([...resumed.fill(new Uint32Array(20))]).toEqual([...draws.subarray(777, 797)])
  })

  test('refuse to draw from nothing', () => {
    expect(() => new IndexSampler(0, { seed: 1 })).toThrow(RangeError)
  })
})
