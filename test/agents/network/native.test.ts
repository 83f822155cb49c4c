import { architecture, hasNativeAddon, INSTRUCTION_SETS, nativeAddon, NativeNetwork } from '@unitcell/network'
import { TfjsQNetwork } from '@unitcell/network/tfjs'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { randomBatch } from './batches.js'
import {
  ARCHITECTURES,
  cloningCase,
  cqlCase,
  fingerprint,
  otherParameters,
  qNetworkCases,
  relativeError,
} from './q-network.cases.js'

const hasNative = hasNativeAddon()
if (!hasNative) console.warn('native.test: skipped, no native engine (no g++ at `npm install`)')

const runnable = hasNative ? INSTRUCTION_SETS.filter((set) => nativeAddon().instructionSet(set) === set) : []
const missing = INSTRUCTION_SETS.filter((set) => !runnable.includes(set))
if (hasNative && missing.length > 0) console.warn(`native.test: this machine cannot run ${missing.join(', ')}`)

for (const instructionSet of runnable) {
  describe(`native ${instructionSet}`, () => {
    qNetworkCases(async (a, seed) => new NativeNetwork(a, { seed, threads: 2, instructionSet }))

    test.each(Object.keys(ARCHITECTURES))("%s: every parameter's gradient agrees with that of tfjs", async (name) => {
      const a = ARCHITECTURES[name]
      const native = new NativeNetwork(a, { seed: 6, instructionSet })
      const tfjs = await TfjsQNetwork.create(a, { seed: 6, device: 'wasm' })
      for (const network of [native, tfjs]) network.setParameters(otherParameters(a), 'target')
      for (const objective of [cqlCase(a, 12, 8), cloningCase(a, 12, 9)]) {
        const [one, two] = [await native.gradient(objective), await tfjs.gradient(objective)]
        for (const key of Object.keys(two.losses) as (keyof typeof two.losses)[]) {
          expect(relativeError([one.losses[key]], [two.losses[key]]), key).toBeLessThan(1e-4)
        }
        for (const { name: tensor, offset, size } of native.layout.tensors) {
          const part = [one, two].map(({ gradient }) => gradient.subarray(offset, offset + size))
          expect(relativeError(part[0], part[1]), tensor).toBeLessThan(1e-4)
        }
        const outputs = [await native.forward(objective.batch), await tfjs.forward(objective.batch)]
        expect(relativeError(outputs[0], outputs[1])).toBeLessThan(1e-4)
      }
      native.dispose()
      tfjs.dispose()
    })
  })
}

describe.runIf(hasNative)('the native engine', () => {
  afterEach(() => void vi.unstubAllEnvs())

  test('has the same bits with any number of threads', async () => {
    const a = architecture({ dropout: 0.1 })
    const objective = { ...cqlCase(a, 100, 3), dropoutSeed: 1 }
    const states = []
    for (const threads of [1, 2, 5]) {
      const network = new NativeNetwork(a, { threads })
      for (let step = 0; step < 2; step++) await network.step(objective, { learningRate: 1e-3 })
      states.push({ state: fingerprint(network.trainingState()), q: await network.forward(objective.batch) })
      network.dispose()
    }
    expect(states[1]).toEqual(states[0])
    expect(states[2]).toEqual(states[0])
  })

  test('computes a graph that is larger than a piece of a batch', async () => {
    const a = architecture({ blocks: 1, focus: 'node', readout: 'node' })
    const network = new NativeNetwork(a, { threads: 1 })
    const batch = randomBatch(a, 2, 1, { minSites: 300, maxSites: 300 })
    const outputs = await network.forward(batch)
    expect(outputs.every(Number.isFinite)).toBe(true)
    network.dispose()
  })

  test('runs the instruction set that UNITCELL_NATIVE names', () => {
    vi.stubEnv('UNITCELL_NATIVE', 'portable')
    const network = new NativeNetwork(architecture())
    expect(network.backend).toMatchObject({ name: 'native', detail: 'portable' })
    network.dispose()
    vi.stubEnv('UNITCELL_NATIVE', 'sse9')
    expect(() => new NativeNetwork(architecture())).toThrow(expect.objectContaining({ code: 'bad_argument' }))
  })

  test.each([0, 1.5, NaN])('%s threads are refused', (threads) => {
    expect(() => new NativeNetwork(architecture(), { threads })).toThrow(
      expect.objectContaining({ code: 'bad_argument' }),
    )
  })
})
