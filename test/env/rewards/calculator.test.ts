import { CrystalDataSet, elementIndex, type Structure } from '@unitcell/datasets'
import {
  Calculator,
  DftRewards,
  DftRunner,
  EvaluationCancelled,
  filledCrystal,
  LocalLauncher,
  PROFILES,
  PseudopotentialSet,
  ResultStore,
  type CalculatorOptions,
  type DftRunnerOptions,
  type SchedulerProgress,
} from '@unitcell/env'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { needsShared } from '../../shared.js'
import {
  canRun,
  hasGth,
  hasPw,
  needsGth,
  needsPw,
  paperPseudopotentials,
  processesBelow,
  rocksalt,
  runsLeft,
  temporaryFolder,
} from '../dft/fixtures.js'

/** Runs pw.x, and counts. */
class CountingLauncher extends LocalLauncher {
  starts = 0

  override start(...options: Parameters<LocalLauncher['start']>) {
    this.starts++
    return super.start(...options)
  }
}

/** One k point: a calculation of the crystals below takes a fifth of a second. */
const GAMMA = { ...PROFILES.fast, kGrid: [1, 1, 1] } as const

let gth: PseudopotentialSet
beforeAll(async () => {
  if (hasGth) gth = await PseudopotentialSet.load({ kind: 'gth' })
})
const stores: ResultStore[] = []
afterAll(async () => {
  for (const store of stores) await store.close()
})

async function openStore(folder = temporaryFolder()): Promise<ResultStore> {
  const store = await ResultStore.open(folder)
  stores.push(store)
  return store
}

async function makeCalculator(options: Partial<DftRunnerOptions & CalculatorOptions & { store: ResultStore }> = {}) {
  const launcher = new CountingLauncher()
  const workFolder = temporaryFolder()
  const { store = await openStore(), slots = 2, timeLimitSeconds, ...dft } = options
  const runner = await DftRunner.create({ pseudopotentials: gth, profile: GAMMA, launcher, workFolder, ...dft })
  const calculator = new Calculator(runner, store, { slots, ...(timeLimitSeconds && { timeLimitSeconds }) })
  return { calculator, runner, store, launcher, workFolder }
}

/** Two elements in a cube, as in caesium chloride. */
function cube(a: number, pair: readonly string[], origin = 0): Structure {
  return {
    lattice: Float64Array.of(a, 0, 0, 0, a, 0, 0, 0, a),
    fracCoords: Float64Array.from([0, 0, 0, 0.5, 0.5, 0.5], (x) => x + origin),
    species: Uint8Array.from(pair, (symbol) => elementIndex(symbol)!),
  }
}

const crystalOf = (structure: Structure) => filledCrystal(structure, structure.species)
const bulk = { priority: 'bulk' } as const

describe.skipIf(!hasPw || !hasGth)(`calculations with pw.x${needsPw}${needsGth}`, () => {
  test('a thousand requests at once that end in twenty crystals start twenty runs, and later ones none', async () => {
    const { calculator, store, launcher, workFolder } = await makeCalculator()
    const elements = ['H', 'He', 'Li', 'Be']
    const pairs = elements.flatMap((a) => elements.map((b) => [a, b]))
    // Ten pairs whatever their order, in cubes of two sizes, told from various origins.
    const crystals = Array.from({ length: 1000 }, (_, i) =>
      crystalOf(cube(2.3 + 0.3 * (i % 2), pairs[Math.floor(i / 2) % pairs.length], (i % 7) / 10)),
    )
    const evaluations = await Promise.all(crystals.map((crystal) => calculator.request(crystal, bulk)))
    expect(launcher.starts).toBe(20)
    expect(calculator.load).toEqual({ running: 0, queued: 0 })
    expect(runsLeft(workFolder)).toEqual([])
    expect(evaluations.filter(({ status }) => status === 'failed')).toEqual([])
    const energies = new Set(evaluations.map((evaluation) => 'labels' in evaluation && evaluation.labels.totalEnergyRy))
    expect(energies.size).toBe(20)
    // Another process: what it finds is what was told.
    const later = await makeCalculator({ store })
    for (const [i, crystal] of crystals.entries()) {
      const known = later.calculator.lookup(crystal)
      expect(known).toEqual({ ...evaluations[i], source: 'cache' })
    }
    expect(later.launcher.starts).toBe(0)
  }, 240_000)

  test('a failure that would come again is a result; a time limit is told and forgotten', async () => {
    // A cell this small has fewer plane waves than bands.
    const many = { ...GAMMA, bands: { kind: 'constant', count: 4000 } } as const
    const certain = await makeCalculator({ profile: many })
    const helium = crystalOf(cube(1.6, ['He', 'He']))
    const failed = { status: 'failed', failure: { class: 'too_many_bands' } }
    expect(await certain.calculator.request(helium, bulk)).toMatchObject({ ...failed, source: 'quantum-espresso' })
    expect(await certain.calculator.request(helium, bulk)).toMatchObject({ ...failed, source: 'cache' })
    expect(certain.launcher.starts).toBe(1)

    const hasty = await makeCalculator({ timeLimitSeconds: 0.01, profile: PROFILES.fast })
    for (const starts of [1, 2]) {
      const evaluation = await hasty.calculator.request(crystalOf(cube(4, ['Si', 'C'])), bulk)
      expect(evaluation).toMatchObject({ status: 'failed', failure: { class: 'time_limit' } })
      expect(hasty.launcher.starts).toBe(starts)
    }
    expect([...hasty.store.records()]).toEqual([])
  })

  test('what no calculation takes is told at once', async () => {
    const { calculator, launcher } = await makeCalculator()
    const close = crystalOf(cube(0.55, ['H', 'H']))
    expect(calculator.lookup(close)).toMatchObject({ status: 'failed', failure: { class: 'atoms_too_close' } })
    expect(await calculator.request(close, bulk)).toMatchObject({ failure: { class: 'atoms_too_close' } })
    expect(launcher.starts).toBe(0)
  })

  test('one cache, two label sets: neither sees a result of the other', async () => {
    const { calculator, store } = await makeCalculator()
    const helium = crystalOf(cube(2.6, ['He', 'He']))
    const first = await calculator.request(helium, bulk)
    const other = await makeCalculator({ store, profile: { ...GAMMA, kGrid: [2, 2, 2] } })
    expect(other.calculator.lookup(helium)).toBeNull()
    const second = await other.calculator.request(helium, bulk)
    expect(second).not.toEqual(first)
    expect(calculator.lookup(helium)).toEqual({ ...first, source: 'cache' })
    expect(other.calculator.lookup(helium)).toEqual({ ...second, source: 'cache' })
  })

  test('a result that the disk refuses is told to nobody, and not calculated again', async () => {
    const store = await openStore()
    let isFull = true
    const put: ResultStore['put'] = (...result) =>
      isFull ? Promise.reject(Object.assign(new Error('full'), { code: 'cache_unwritable' })) : store.put(...result)
    const failing: ResultStore = Object.assign(Object.create(store) as ResultStore, {
      put,
      find: store.find.bind(store),
    })
    const { calculator, launcher } = await makeCalculator({ store: failing })
    const helium = crystalOf(cube(2.6, ['He', 'He']))
    await expect(calculator.request(helium, bulk)).rejects.toMatchObject({ code: 'cache_unwritable' })
    expect(calculator.lookup(helium)).toBeNull()
    isFull = false
    expect(await calculator.request(helium, bulk)).toMatchObject({ status: 'evaluated' })
    expect(launcher.starts).toBe(1)
    expect([...store.records()]).toHaveLength(1)
  })

  test('a calculation that nobody waits for any more ends, and leaves nothing', async () => {
    const { calculator, workFolder, store } = await makeCalculator({ profile: PROFILES.fast, slots: 1 })
    const controller = new AbortController()
    const { signal } = controller
    const told: SchedulerProgress[] = []
    const refused = (waiting: Promise<unknown>) => expect(waiting).rejects.toThrow(EvaluationCancelled)
    let started = () => {}
    const start = new Promise<void>((resolve) => (started = resolve))
    const onProgress = (progress: SchedulerProgress) => {
      told.push(progress)
      if (progress.state === 'running' && progress.iteration !== null) started()
    }
    const running = refused(calculator.request(crystalOf(cube(5, ['Si', 'Si'])), { ...bulk, signal, onProgress }))
    const waiting = refused(calculator.request(crystalOf(cube(5, ['C', 'C'])), { ...bulk, signal }))
    await start
    controller.abort()
    await Promise.all([running, waiting])
    await calculator.stop()
    expect(runsLeft(workFolder)).toEqual([])
    expect(processesBelow(workFolder)).toEqual([])
    expect([...store.records()]).toEqual([])
    expect(told[0]).toEqual({ state: 'running', iteration: null, estimatedAccuracyRy: null, elapsedSeconds: 0 })
  }, 60_000)
})

describe('recorded labels beside calculations', () => {
  const salt = rocksalt(5.64, 'Na', 'Cl')

  test.skipIf(!canRun)(`count where settings and pseudopotentials are the same${needsPw}${needsShared}`, async () => {
    const builtin = await CrystalDataSet.openBuiltin()
    const chloride = { skeleton: salt, origin: null }
    const paper = await makeCalculator({ pseudopotentials: await paperPseudopotentials(), profile: PROFILES.fast })
    const rewards = new DftRewards(builtin, paper.calculator)
    expect(rewards.lookup(chloride, salt.species)).toMatchObject({ source: 'recorded', status: 'evaluated' })
    expect(await rewards.request(chloride, salt.species, bulk)).toMatchObject({ source: 'recorded' })
    // What no label is known for is to be calculated, not unlabelled.
    expect(rewards.lookup({ skeleton: rocksalt(5.7, 'Na', 'Cl'), origin: null }, salt.species)).toBeNull()
    expect(paper.launcher.starts).toBe(0)
    const finer = await makeCalculator({ pseudopotentials: await paperPseudopotentials(), profile: GAMMA })
    expect(new DftRewards(builtin, finer.calculator).lookup(chloride, salt.species)).toBeNull()
  })

  test.skipIf(!hasPw || !hasGth)(`do not count under other pseudopotentials${needsPw}${needsGth}`, async () => {
    const { calculator } = await makeCalculator({ profile: PROFILES.fast })
    const rewards = new DftRewards(await CrystalDataSet.openBuiltin(), calculator)
    expect(rewards.lookup({ skeleton: salt, origin: null }, salt.species)).toBeNull()
  })
})
