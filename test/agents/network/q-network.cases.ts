// What every engine of the Q-network must do; each engine's test file runs all of it.
import {
  architecture,
  initialParameters,
  parameterLayout,
  uniformGenerator,
  type Architecture,
  type CloningObjective,
  type CqlObjective,
  type Objective,
  type QNetwork,
  type TrainingState,
} from '@unitcell/network'
import { createHash } from 'node:crypto'
import { afterEach, describe, expect, test } from 'vitest'
import { randomBatch, randomCql, type BatchShape } from './batches.js'
import { ReferenceNetwork, referenceLoss, referenceNextValues } from './reference-network.js'

export type CreateEngine = (a: Architecture, seed: number) => Promise<QNetwork>

/** Small networks that have everything between them; widths that fill no vector are among them. */
export const ARCHITECTURES: Record<string, Architecture> = {
  "the paper's network": architecture(),
  'a flag on the focus node, 20 Gaussians': architecture({ focus: 'node', gaussians: 20, blocks: 2 }),
  'the readout at nodes, features and tokens': architecture({
    focus: 'node',
    readout: 'node',
    gaussians: 8,
    nodeFeatures: 3,
    nodeTokens: 2,
    blocks: 2,
    readoutWidths: [48],
  }),
  'odd widths and dropout': architecture({
    encoderWidths: [20, 11],
    convolutionWidths: [13, 11],
    readoutWidths: [],
    blocks: 2,
    set2setIterations: 3,
    dropout: 0.3,
  }),
  'odd widths and dropout at nodes': architecture({
    focus: 'node',
    readout: 'node',
    encoderWidths: [18],
    convolutionWidths: [18],
    readoutWidths: [],
    blocks: 2,
    dropout: 0.3,
  }),
}

const shape: BatchShape = { minSites: 1, maxSites: 5, edgesPerSite: 3 }
/** For finite differences, two evaluations in plain JavaScript per tensor. */
const tiny: BatchShape = { minSites: 2, maxSites: 3, edgesPerSite: 2 }

export function cqlCase(a: Architecture, graphs: number, seed: number, sizes = shape): CqlObjective {
  return { ...randomCql(a, graphs, seed, sizes), ...(a.dropout > 0 && { dropoutSeed: 1234 + seed }) }
}

export function cloningCase(a: Architecture, graphs: number, seed: number, sizes = shape): CloningObjective {
  const { batch, actions, auxiliary, siteElements, dropoutSeed } = cqlCase(a, graphs, seed, sizes)
  const uniform = uniformGenerator(seed)
  return {
    kind: 'cloning',
    batch,
    actions,
    weights: Float32Array.from(actions, () => 0.5 + uniform()),
    ...(auxiliary !== undefined && { auxiliary }),
    ...(siteElements && { siteElements }),
    ...(dropoutSeed !== undefined && { dropoutSeed }),
  }
}

/** A target copy that differs from the online one. */
export function otherParameters(a: Architecture): Float32Array {
  return initialParameters(a, 99)
}

/** Of every bit of a training state; vitest compares long arrays slowly. */
export function fingerprint({ steps, online, target, firstMoment, secondMoment }: TrainingState): string {
  const hash = createHash('sha256').update(String(steps))
  for (const { buffer, byteOffset, byteLength } of [online, target, firstMoment, secondMoment]) {
    hash.update(new Uint8Array(buffer, byteOffset, byteLength))
  }
  return hash.digest('hex')
}

/** Largest difference over the largest expected value. */
export function relativeError(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  let [difference, largest] = [0, 0]
  for (let i = 0; i < expected.length; i++) {
    const d = Math.abs(actual[i] - expected[i])
    if (!(d <= difference)) difference = d
    largest = Math.max(largest, Math.abs(expected[i]))
  }
  return largest === 0 ? difference : difference / largest
}

const slopesOf = new Map<string, ReturnType<typeof computeSlopes>>()

/** Finite differences of the reference, computed once for all engines. */
function referenceSlopes(name: string, kind: Objective['kind']) {
  const key = `${name} ${kind}`
  if (!slopesOf.has(key)) slopesOf.set(key, computeSlopes(ARCHITECTURES[name], kind))
  return slopesOf.get(key)!
}

function computeSlopes(a: Architecture, kind: Objective['kind']) {
  const objective = kind === 'cql' ? cqlCase(a, 2, 11, tiny) : cloningCase(a, 2, 11, tiny)
  const parameters = initialParameters(a, 1)
  const exact = Float64Array.from(parameters)
  const nextValues = referenceNextValues(objective, new ReferenceNetwork(a, Float64Array.from(otherParameters(a))))
  const lossAt = (values: Float64Array) => referenceLoss(objective, new ReferenceNetwork(a, values), nextValues)
  const uniform = uniformGenerator(5)
  const slopes = parameterLayout(a).tensors.map(({ name: tensor, offset, size }) => {
    const along = Float64Array.from({ length: size }, () => 2 * uniform() - 1)
    const at = (step: number) => {
      const moved = exact.slice()
      along.forEach((x, i) => (moved[offset + i] += step * x))
      return lossAt(moved)
    }
    return { tensor, offset, along, slope: (at(1e-4) - at(-1e-4)) / 2e-4 }
  })
  return { objective, parameters, loss: lossAt(exact), slopes }
}

export function qNetworkCases(create: CreateEngine): void {
  const open: QNetwork[] = []
  const make = async (a: Architecture, seed = 1) => {
    const network = await create(a, seed)
    open.push(network)
    return network
  }
  afterEach(() => {
    for (const network of open.splice(0)) network.dispose()
  })

  describe.each(Object.keys(ARCHITECTURES))('%s', (name) => {
    const a = ARCHITECTURES[name]

    test('has the Q values of the double-precision reference', async () => {
      const network = await make(a)
      const batch = randomBatch(a, 5, 7, shape)
      const reference = new ReferenceNetwork(a, Float64Array.from(network.parameters()))
      const expected = Array.from(batch.focus, (_, g) => reference.outputs(batch, g).focus).flat()
      expect(relativeError(await network.forward(batch), expected)).toBeLessThan(1e-5)
    })

    test.each(['cql', 'cloning'] as const)(
      "%s: loss and every tensor's gradient agree with finite differences",
      async (kind) => {
        const { objective, parameters, loss, slopes } = referenceSlopes(name, kind)
        const network = await make(a)
        network.setParameters(parameters)
        network.setParameters(otherParameters(a), 'target')
        const { losses, gradient } = await network.gradient(objective)
        expect(Math.abs(losses.loss / loss - 1)).toBeLessThan(1e-5)
        for (const { tensor, offset, along, slope } of slopes) {
          const own = gradient.subarray(offset, offset + along.length)
          const actual = along.reduce((sum, x, i) => sum + x * own[i], 0)
          // The derivative along a random direction may nearly vanish; the tensor's whole gradient says what is small.
          const scale = Math.sqrt(own.reduce((sum, x) => sum + x * x, 0)) + 1e-4
          expect(Math.abs(actual - slope) / scale, tensor).toBeLessThan(1e-4)
        }
      },
    )
  })

  test('the output at the focus site is the output of the network, for the readout at nodes', async () => {
    const a = ARCHITECTURES['the readout at nodes, features and tokens']
    const network = await make(a)
    const batch = randomBatch(a, 6, 3, shape)
    const sites = await network.forwardSites(batch)
    const focus = await network.forward(batch)
    batch.focus.forEach((site, g) => {
      const row = 88 * (batch.nodeOffsets[g] + site)
      expect(relativeError(sites.subarray(row, row + 88), focus.subarray(88 * g, 88 * g + 88))).toBeLessThan(1e-6)
    })
    const setNetwork = await make(architecture())
    const setBatch = randomBatch(setNetwork.architecture, 1, 3)
    await expect(setNetwork.forwardSites(setBatch)).rejects.toMatchObject({ code: 'bad_argument' })
  })

  test('a graph has the same Q values alone and among others', async () => {
    const a = architecture()
    const network = await make(a)
    const batch = randomBatch(a, 4, 21)
    const together = await network.forward(batch)
    const [n0, n1] = [batch.nodeOffsets[2], batch.nodeOffsets[3]]
    const [e0, e1] = [batch.edgeOffsets[2], batch.edgeOffsets[3]]
    const alone = await network.forward({
      nodeOffsets: Uint32Array.of(0, n1 - n0),
      edgeOffsets: Uint32Array.of(0, e1 - e0),
      elements: batch.elements.slice(n0, n1),
      focus: batch.focus.slice(2, 3),
      state: batch.state.slice(2 * a.stateSize, 3 * a.stateSize),
      nodeFeatures: new Float32Array(0),
      nodeTokens: new Uint8Array(0),
      sources: batch.sources.slice(e0, e1).map((n) => n - n0),
      targets: batch.targets.slice(e0, e1).map((n) => n - n0),
      distances: batch.distances.slice(e0, e1),
    })
    expect(relativeError(alone, together.subarray(2 * 88, 3 * 88))).toBeLessThan(1e-6)
  })

  test('sites without neighbours, graphs of one site and of more than 21 are computed', async () => {
    const a = architecture({ blocks: 1 })
    const network = await make(a)
    const batch = {
      nodeOffsets: Uint32Array.of(0, 1, 31),
      edgeOffsets: Uint32Array.of(0, 0, 2),
      elements: new Uint8Array(31).fill(88),
      focus: Uint32Array.of(0, 29),
      state: new Float32Array(2 * a.stateSize).fill(0.5),
      nodeFeatures: new Float32Array(0),
      nodeTokens: new Uint8Array(0),
      sources: Uint32Array.of(5, 4),
      targets: Uint32Array.of(4, 5),
      distances: Float32Array.of(2, 2),
    }
    const reference = new ReferenceNetwork(a, Float64Array.from(network.parameters()))
    const expected = [0, 1].flatMap((g) => reference.outputs(batch, g).focus)
    expect(relativeError(await network.forward(batch), expected)).toBeLessThan(1e-5)
    const { gradient } = await network.gradient({ kind: 'cloning', batch, actions: Uint8Array.of(1, 2) })
    expect(gradient.every(Number.isFinite)).toBe(true)
  })

  test('a step is Adam on the clipped gradient, and Polyak after it, as PyTorch does them', async () => {
    const a = ARCHITECTURES['odd widths and dropout']
    const network = await make(a)
    const update = { learningRate: 1e-2, clipNorm: 0.5, tau: 0.25, weightDecay: 0.1 }
    const size = network.layout.size
    let [m, v] = [new Float64Array(size), new Float64Array(size)]
    let target = Float64Array.from(network.parameters('target'))
    for (let step = 1; step <= 3; step++) {
      const objective = cqlCase(a, 3, step)
      const before = Float64Array.from(network.parameters())
      const { gradient } = await network.gradient(objective)
      const norm = Math.sqrt(gradient.reduce((sum, g) => sum + g * g, 0))
      expect(norm).toBeGreaterThan(update.clipNorm)
      const result = await network.step(objective, update)
      expect(result.applied).toBe(true)
      expect(Math.abs(result.gradientNorm / norm - 1)).toBeLessThan(1e-5)
      const clipped = Float64Array.from(gradient, (g) => (g * update.clipNorm) / (norm + 1e-6))
      m = m.map((x, i) => 0.9 * x + 0.1 * clipped[i])
      v = v.map((x, i) => 0.999 * x + 0.001 * clipped[i] ** 2)
      const expected = before.map((x, i) => {
        const [first, second] = [m[i] / (1 - 0.9 ** step), v[i] / (1 - 0.999 ** step)]
        return x * (1 - 1e-2 * 0.1) - (1e-2 * first) / (Math.sqrt(second) + 1e-8)
      })
      target = target.map((x, i) => x + 0.25 * (expected[i] - x))
      expect(relativeError(network.parameters(), expected)).toBeLessThan(1e-5)
      expect(relativeError(network.parameters('target'), target)).toBeLessThan(1e-5)
    }
    expect(network.trainingState().steps).toBe(3)
  })

  test('the loss falls when one batch is learnt by heart', async () => {
    const a = architecture({ focus: 'node', readout: 'node', blocks: 1 })
    const network = await make(a)
    const objective: Objective = { ...cloningCase(a, 6, 2), auxiliary: 0 }
    const first = await network.step(objective, { learningRate: 3e-3 })
    let last = first
    for (let step = 0; step < 60; step++) last = await network.step(objective, { learningRate: 3e-3 })
    expect(last.loss).toBeLessThan(first.loss / 2)
  })

  test('the same seed gives the same losses and parameters to the last bit', async () => {
    const a = ARCHITECTURES['odd widths and dropout at nodes']
    const train = async () => {
      const network = await make(a, 4)
      const losses: number[] = []
      for (let step = 0; step < 3; step++) {
        losses.push((await network.step(cqlCase(a, 9, step), { learningRate: 1e-3 })).loss)
      }
      return { losses, state: fingerprint(network.trainingState()) }
    }
    expect(await train()).toEqual(await train())
  })

  test('another network goes on from a training state with the same bits', async () => {
    const a = ARCHITECTURES['odd widths and dropout']
    const one = await make(a, 4)
    for (let step = 0; step < 2; step++) await one.step(cqlCase(a, 3, step), { learningRate: 1e-3 })
    const two = await make(a, 5)
    two.setTrainingState(one.trainingState())
    for (let step = 2; step < 4; step++) {
      const objective = cqlCase(a, 3, step)
      const update = { learningRate: 1e-3 }
      expect(await two.step(objective, update)).toEqual(await one.step(objective, update))
    }
    expect(fingerprint(two.trainingState())).toBe(fingerprint(one.trainingState()))
  })

  test.each([NaN, Infinity, 1e30])(
    'a loss that is not finite (a reward of %s) changes nothing and is reported',
    async (reward) => {
      const a = architecture({ blocks: 1 })
      const network = await make(a)
      await network.step(cqlCase(a, 3, 1), { learningRate: 1e-3 })
      const before = fingerprint(network.trainingState())
      const objective = cqlCase(a, 3, 2)
      objective.rewards.fill(reward)
      const result = await network.step(objective, { learningRate: 1e-3 })
      expect(result.applied).toBe(false)
      expect(Number.isFinite(result.loss) && Number.isFinite(result.gradientNorm)).toBe(false)
      expect(fingerprint(network.trainingState())).toBe(before)
    },
  )

  test('a NaN in a state reaches the loss', async () => {
    const a = architecture({ blocks: 1 })
    const network = await make(a)
    const objective = cqlCase(a, 3, 2)
    objective.batch.state[0] = NaN
    expect((await network.step(objective, { learningRate: 1e-3 })).applied).toBe(false)
    const next = cqlCase(a, 3, 3)
    next.next!.state[0] = NaN
    expect((await network.step(next, { learningRate: 1e-3 })).applied).toBe(false)
  })

  test('batches and values of another shape are refused', async () => {
    const a = architecture({ blocks: 1 })
    const network = await make(a)
    const batch = randomBatch(a, 3, 1)
    const broken = [
      { ...batch, state: batch.state.subarray(1) },
      { ...batch, elements: batch.elements.map(() => 89) },
      { ...batch, focus: batch.focus.map(() => 100) },
      { ...batch, sources: batch.sources.map((n) => n + 1000) },
      { ...batch, targets: batch.targets.toReversed() },
      { ...batch, nodeOffsets: batch.nodeOffsets.map((n) => 2 * n) },
    ]
    for (const one of broken) await expect(network.forward(one)).rejects.toMatchObject({ code: 'bad_batch' })
    const objective = cqlCase(a, 3, 1)
    for (const change of [
      { actions: Uint8Array.of(88, 0, 0) },
      { actions: Uint8Array.of(1) },
      { next: null, terminal: Uint8Array.of(0, 0, 0) },
    ]) {
      const step = network.step({ ...objective, ...change }, { learningRate: 1e-3 })
      await expect(step).rejects.toMatchObject({ code: 'bad_batch' })
    }
    const auxiliary = network.step({ ...objective, auxiliary: 1 }, { learningRate: 1e-3 })
    await expect(auxiliary).rejects.toMatchObject({ code: 'bad_argument' })
    expect(() => network.setParameters(new Float32Array(3))).toThrow('3')
  })

  test('a network that was disposed of refuses to work', async () => {
    const network = await make(architecture({ blocks: 1 }))
    const batch = randomBatch(network.architecture, 1, 1)
    network.dispose()
    network.dispose()
    await expect(network.forward(batch)).rejects.toMatchObject({ code: 'disposed' })
  })
}
