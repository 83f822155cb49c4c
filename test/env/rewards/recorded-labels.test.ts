import { CrystalDataSet, elementIndex, type Crystal } from '@unitcell/datasets'
import { connect, fromNdArray, type Client, type EnvironmentOptionsInput } from '@unitcell/protocol'
import { beforeAll, expect, test } from 'vitest'
import { compileCrystals, crystalsOf, moveOrigin, NO_LABELS, relist } from '../mdp/data-sets.js'
import { startServer } from '../server/wire.js'

let builtin: CrystalDataSet
let client: Client
beforeAll(async () => {
  builtin = await CrystalDataSet.openBuiltin()
  client = await connect((await startServer({ datasets: [builtin] })).url)
})

const element = (symbol: string) => elementIndex(symbol)!

interface Filling {
  readonly crystal: string
  readonly split?: string
  readonly seed?: number
  readonly options?: EnvironmentOptionsInput
  /** Element of an episode site, of which the truth and the fractional coordinates are known. */
  readonly choose: (truth: number, frac: Float64Array) => number
}

/** Plays a crystal twice, first to learn the truth, then to fill it as `choose` says. */
async function fill(player: Client, { crystal, seed = 3, options = {}, choose }: Filling) {
  const env = await player.make('CrystalFill-v1', options)
  const { observation } = await env.reset({ seed, options: { crystal } })
  const { order, fracCoords } = observation.graph
  let step
  for (let i = 0; i < order.length; i++) step = await env.step(0)
  const truth = fromNdArray(step!.info.outcome!.true_elements!)
  await env.reset({ seed, options: { crystal } })
  for (const site of order) step = await env.step(choose(truth[site], fracCoords.subarray(3 * site, 3 * site + 3)))
  await env.close()
  return { reward: step!.reward, outcome: step!.info.outcome! }
}

const trueFilling = (truth: number) => truth

test('the true filling of every crystal of val gets the reward of its label', async () => {
  let played = 0
  for (const { id, labels } of crystalsOf(builtin, 'val')) {
    played++
    for (const sites of ['shuffled', 'file'] as const) {
      const options = { sites, reward: { target: 3, alpha2: 10 } }
      const { reward, outcome } = await fill(client, { crystal: id, options, choose: trueFilling })
      const expected = Math.log10(-labels.totalEnergyRy!) + 10 * Math.exp(-((labels.bandGapEv! - 3) ** 2) / 3)
      expect(reward).toBeCloseTo(expected, 12)
      expect(outcome).toMatchObject({
        failure: null,
        source: 'recorded',
        crystal: id,
        total_energy_ry: labels.totalEnergyRy,
        band_gap_ev: labels.bandGapEv,
        true_total_energy_ry: labels.totalEnergyRy,
      })
    }
  }
  expect(played).toBe(builtin.split('val').count)
})

test('rocksalt with its two elements swapped is the same crystal with another origin, and gets the same reward', async () => {
  const straight = await fill(client, { crystal: 'reference-lif-rocksalt', choose: trueFilling })
  const [lithium, fluorine] = [element('Li'), element('F')]
  const swapped = await fill(client, {
    crystal: 'reference-lif-rocksalt',
    choose: (truth) => (truth === lithium ? fluorine : lithium),
  })
  expect(straight.reward).toBeCloseTo(Math.log10(63.34789227), 12)
  expect(swapped.reward).toBe(straight.reward)
  expect(swapped.outcome.failure).toBeNull()
})

test('a swap that is no symmetry of the skeleton is another crystal', async () => {
  // Fluorite: the cation and the two anions have different surroundings.
  const fluorite = crystalsOf(builtin, 'train').find(({ extra }) => extra['prototype'] === 'fluorite')!
  const [a, b] = [...new Set(fluorite.structure.species)]
  const filling = (truth: number) => (truth === a ? b : a)
  const { reward, outcome } = await fill(client, { crystal: fluorite.id, choose: filling })
  expect(reward).toBe(-1)
  expect(outcome.failure).toMatchObject({ class: 'unlabelled' })
})

test('any other filling gets the failure reward and the class unlabelled, labels unknown, the truth told', async () => {
  const options = { reward: { failure: -2.5, alpha2: 10, target: 2 } }
  for (const { id, labels, structure } of crystalsOf(builtin, 'val')) {
    const other = (truth: number) => (truth === structure.species[0] ? element('Xe') : truth)
    const { reward, outcome } = await fill(client, { crystal: id, options, choose: other })
    expect(reward).toBe(-2.5)
    expect(outcome).toMatchObject({
      failure: { class: 'unlabelled', message: expect.stringContaining('builtin') },
      source: null,
      total_energy_ry: null,
      band_gap_ev: null,
      true_total_energy_ry: labels.totalEnergyRy,
      true_band_gap_ev: labels.bandGapEv,
      crystal: id,
    })
  }
})

test('a filling of one crystal with the elements of another on the same skeleton gets the label of that other', async () => {
  const source = crystalsOf(builtin, 'train').find(({ structure }) => structure.species.length > 4)!
  const [first] = source.structure.species
  const other: Crystal = {
    ...source,
    id: 'other',
    labels: { totalEnergyRy: -10, bandGapEv: 1, formationEnergyEvPerAtom: null },
    structure: { ...source.structure, species: source.structure.species.map((z) => (z === first ? element('Kr') : z)) },
  }
  const set = await compileCrystals('pair', { val: [source, other] })
  const player = await connect((await startServer({ datasets: [set] })).url)
  const { reward, outcome } = await fill(player, {
    crystal: source.id,
    choose: (truth) => (truth === first ? element('Kr') : truth),
  })
  expect(reward).toBe(1)
  expect(outcome).toMatchObject({ failure: null, total_energy_ry: -10, crystal: source.id })
})

test('a labelled twin is found: the same crystal under another id, its origin moved, its sites listed otherwise', async () => {
  const source = crystalsOf(builtin, 'train').filter(({ structure }) => structure.species.length >= 4)
  expect(source.length).toBeGreaterThan(10)
  const unlabelled = source.map((crystal, i): Crystal => {
    const sites = crystal.structure.species.length
    const reversed = Array.from({ length: sites }, (_, k) => sites - 1 - k)
    const moved = { ...crystal, structure: moveOrigin(crystal.structure, [0.123, 0.377, 0.71]) }
    return { ...relist(moved, reversed), id: `twin-${i}`, labels: NO_LABELS }
  })
  const set = await compileCrystals('twins', { val: unlabelled, train: source })
  const player = await connect((await startServer({ datasets: [set] })).url)
  for (let i = 0; i < source.length; i++) {
    const { reward, outcome } = await fill(player, { crystal: `twin-${i}`, choose: trueFilling })
    expect(outcome).toMatchObject({ failure: null, source: 'recorded', true_total_energy_ry: null })
    expect(reward).toBeCloseTo(Math.log10(-source[i].labels.totalEnergyRy!), 12)
  }
})

test('a skeleton sent inline is judged by the labels of its twin in the data set', async () => {
  const { structure, labels } =
    crystalsOf(builtin, 'val').find(({ id }) => id === 'reference-lif-rocksalt') ??
    builtin.split('train').crystal(builtin.split('train').indexOf('reference-lif-rocksalt')!)
  const env = await client.make('CrystalFill-v1')
  // The conventional primitive cell, not the Niggli cell that the data set holds.
  const { observation, info } = await env.reset({
    options: {
      structure: {
        lattice: [
          [0, 2.0135, 2.0135],
          [2.0135, 0, 2.0135],
          [2.0135, 2.0135, 0],
        ],
        frac_coords: [
          [0.1, 0.1, 0.1],
          [0.6, 0.6, 0.6],
        ],
      },
    },
  })
  expect(info.episode).toMatchObject({ split: null, index: null, sites: 2 })
  expect(observation.graph.distances).toHaveLength(6)
  await env.step(structure.species[0])
  const { reward, info: end } = await env.step(structure.species[1])
  expect(reward).toBeCloseTo(Math.log10(-labels.totalEnergyRy!), 12)
  expect(end.outcome).toMatchObject({ failure: null, true_elements: null, crystal: null })
})

test('a crystal without labels is unlabelled even when it is filled with its own elements', async () => {
  const bare = { ...crystalsOf(builtin, 'val', 1)[0], labels: NO_LABELS }
  const set = await compileCrystals('bare', { val: [bare] })
  const player = await connect((await startServer({ datasets: [set] })).url)
  const { reward, outcome } = await fill(player, { crystal: bare.id, choose: trueFilling })
  expect(reward).toBe(-1)
  expect(outcome.failure).toMatchObject({ class: 'unlabelled' })
})
