import { mkdtempSync, readFileSync, readdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { behavioralCloning, type BehavioralCloningConfig } from '@unitcell/behavioral-cloning'
import { conditionalCql } from '@unitcell/conditional-cql'
import { cql } from '@unitcell/cql'
import { CrystalDataSet, decodeSafetensors, SYMBOLS } from '@unitcell/datasets'
import { connect } from '@unitcell/protocol'
import {
  learningRate,
  loadNetworkAgent,
  localEpisodes,
  play,
  playLocally,
  readMetrics,
  readRunState,
  runTraining,
  RunFolder,
  type Algorithm,
  type TrainingConfig,
} from '@unitcell/training'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startServer } from '../env/server/wire.js'

const root = mkdtempSync(join(tmpdir(), 'unitcell-training-'))
afterAll(() => rmSync(root, { recursive: true }))

let dataset: CrystalDataSet
beforeAll(async () => {
  dataset = await CrystalDataSet.openBuiltin()
})

/** A network and a run small enough for a test. */
const tiny = {
  steps: 8,
  batchSize: 8,
  evaluateEvery: 4,
  // Looking every crystal up would take longer than all the rest.
  features: ['local-geometry'],
  architecture: {
    focus: 'node',
    readout: 'node',
    gaussians: 4,
    blocks: 1,
    encoderWidths: [8, 8],
    convolutionWidths: [8, 8],
    readoutWidths: [8],
    dropout: 0.1,
  },
} as const

function request<C extends TrainingConfig>(algorithm: Algorithm<C>, folder: string, changes: Partial<C> = {}) {
  const config = { ...algorithm.presets.best, ...tiny, ...changes }
  return {
    dataset,
    out: join(root, folder),
    config,
    computing: { backend: 'auto', threads: 1 },
    isSilent: true,
  } as const
}

/** Metrics without the state of the clock: all of them. */
const metrics = (folder: string) => readMetrics(join(root, folder))

test('the same seed gives the same losses, bit for bit; another seed gives others', async () => {
  await runTraining(behavioralCloning, request(behavioralCloning, 'a'))
  await runTraining(behavioralCloning, request(behavioralCloning, 'b'))
  await runTraining(behavioralCloning, request(behavioralCloning, 'c', { seed: 1 }))
  expect(metrics('a')).toEqual(metrics('b'))
  const loss = (folder: string) => metrics(folder).find((record) => 'train/loss' in record)!['train/loss']
  expect(loss('a')).toBeGreaterThan(0)
  expect(loss('a')).not.toBe(loss('c'))
  expect(readFileSync(join(root, 'a/state.safetensors'))).toEqual(readFileSync(join(root, 'b/state.safetensors')))
})

// Presets differ; a run only reads what all configurations have.
const algorithms = [behavioralCloning, cql, conditionalCql] as readonly unknown[] as readonly Algorithm[]

describe.each(algorithms)('$name', (algorithm) => {
  test('goes on from an interruption as if there had been none, bit for bit', async () => {
    const name = algorithm.name
    await runTraining(algorithm, request(algorithm, `${name}-whole`))
    const controller = new AbortController()
    const interrupted = runTraining(algorithm, {
      ...request(algorithm, `${name}-parts`),
      signal: controller.signal,
      onStart: () => controller.abort(new Error('Ctrl-C')),
    })
    await expect(interrupted).rejects.toThrow('Ctrl-C')
    const again = { ...request(algorithm, `${name}-parts`), config: (saved: TrainingConfig) => saved }
    await runTraining(algorithm, again)
    expect(metrics(`${name}-parts`)).toEqual(metrics(`${name}-whole`))
    const [whole, parts] = await Promise.all(
      ['whole', 'parts'].map((part) => readRunState(new RunFolder(join(root, `${name}-${part}`)).file('state'))),
    )
    expect(parts).toEqual(whole)
  })
})

test('a run goes on from the middle, and to more steps', async () => {
  const half = request(behavioralCloning, 'half', { learningRate: { kind: 'constant', peak: 1e-3, warmup: 0 } })
  const whole = { ...half, out: join(root, 'full') }
  await runTraining(behavioralCloning, { ...half, config: { ...half.config, steps: 4 } })
  await runTraining(behavioralCloning, {
    ...half,
    config: (saved: BehavioralCloningConfig) => ({ ...saved, steps: 8 }),
  })
  await runTraining(behavioralCloning, whole)
  const [a, b] = await Promise.all(
    ['half', 'full'].map((name) => readRunState(new RunFolder(join(root, name)).file('state'))),
  )
  expect(a.state.network).toEqual(b.state.network)
})

test('a loss that is not finite stops the run, says where, and keeps the last good checkpoint', async () => {
  const good = request(behavioralCloning, 'diverging')
  await runTraining(behavioralCloning, { ...good, config: { ...good.config, steps: 4 } })
  const before = readFileSync(join(root, 'diverging/state.safetensors'))
  const bad = runTraining(behavioralCloning, {
    ...good,
    config: (saved: BehavioralCloningConfig) => ({
      ...saved,
      steps: 8,
      learningRate: { kind: 'constant', peak: 1e30, warmup: 0 },
    }),
  })
  await expect(bad).rejects.toMatchObject({
    code: 'diverged',
    message: expect.stringMatching(/at step 6 \(gradient norm .*; batch of 8 with crystals .*\(lower --lr/),
  })
  expect(readFileSync(join(root, 'diverging/state.safetensors'))).toEqual(before)
})

test('a run writes its metrics, events, curves and a policy by parameter names', () => {
  const files = readdirSync(join(root, 'a'))
  expect(files).toEqual(
    expect.arrayContaining(['learning-curves.svg', 'metrics.jsonl', 'policy.safetensors', 'state.safetensors']),
  )
  expect(files.some((file) => file.startsWith('events.out.tfevents.'))).toBe(true)
  const { tensors, metadata } = decodeSafetensors(readFileSync(join(root, 'a/policy.safetensors')))
  expect(tensors.get('element_embedding.weight')!.shape).toEqual([89, 16])
  expect(JSON.parse(metadata['unitcell'])).toMatchObject({ agent: 'bc', dataset: { name: 'builtin' } })
})

describe('a checkpoint that cannot be used is refused with a reason', () => {
  const load = (name: string, folder: string) => loadNetworkAgent(name, { checkpoint: join(root, folder), seed: 0 })

  test('one of another agent, one that is cut off, one of another kind, and none', async () => {
    await expect(load('cql', 'a')).rejects.toMatchObject({ code: 'bad_checkpoint' })
    await expect(load('bc', 'nowhere')).rejects.toMatchObject({ code: 'no_checkpoint' })
    const policy = join(root, 'c/policy.safetensors')
    const whole = readFileSync(policy)
    truncateSync(policy, whole.length - 100)
    await expect(load('bc', 'c')).rejects.toMatchObject({ code: 'bad_checkpoint' })
    writeFileSync(policy, readFileSync(join(root, 'a/state.safetensors')))
    await expect(load('bc', 'c')).rejects.toMatchObject({ code: 'bad_checkpoint' })
    await expect(loadNetworkAgent('bc', { seed: 0 })).rejects.toMatchObject({ code: 'checkpoint_needed' })
  })

  test('to go on with another data set, in an empty folder or over another run', async () => {
    const run = request(behavioralCloning, 'a')
    const resume = { ...run, config: (saved: BehavioralCloningConfig) => saved }
    await expect(runTraining(behavioralCloning, run)).rejects.toMatchObject({ code: 'folder_in_use' })
    await expect(runTraining(behavioralCloning, { ...resume, out: root })).rejects.toMatchObject({
      code: 'nothing_to_resume',
    })
    const other = Object.create(dataset, { hash: { value: '0'.repeat(64) } }) as CrystalDataSet
    await expect(runTraining(behavioralCloning, { ...resume, dataset: other })).rejects.toMatchObject({
      code: 'wrong_data',
    })
  })
})

test('on the wire a trained agent fills the crystals as it does in process', async () => {
  const server = await startServer()
  const client = await connect(server.url)
  const agent = await loadNetworkAgent('bc', { checkpoint: join(root, 'a'), seed: 0, votes: 1 })
  const crystals = await play(client, agent, { seed: 1, environment: { split: 'val', sites: 'file' } })
  await client.close()
  const val = dataset.split('val')
  const local = await playLocally(agent, localEpisodes(val, { sites: 'file', seed: 1 }))
  expect(crystals.map((crystal) => crystal.generated_species)).toEqual(
    local.map((filling) => Array.from(filling, (element) => SYMBOLS[element])),
  )
})

test('the learning rate rises, then stays or falls to a hundredth', () => {
  const constant = { kind: 'constant', peak: 2, warmup: 4 } as const
  expect([0, 1, 3, 4, 99].map((step) => learningRate(constant, step, 100))).toEqual([0.5, 1, 2, 2, 2])
  const cosine = { kind: 'cosine', peak: 2, warmup: 0 } as const
  expect(learningRate(cosine, 0, 100)).toBe(2)
  expect(learningRate(cosine, 50, 100)).toBeCloseTo(1.01)
  expect(learningRate(cosine, 100, 100)).toBeCloseTo(0.02)
})
