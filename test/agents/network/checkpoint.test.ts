import { execFileSync } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { encodeSafetensors } from '@unitcell/datasets'
import {
  architecture,
  createQNetwork,
  decodePolicy,
  decodeTrainingState,
  encodePolicy,
  encodeTrainingState,
  initialParameters,
  parameterLayout,
  readCheckpoint,
  writeCheckpoint,
} from '@unitcell/network'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { randomCql } from './batches.js'

let folder: string
beforeAll(async () => void (folder = await mkdtemp(join(tmpdir(), 'checkpoint-'))))
afterAll(() => rm(folder, { recursive: true }))

const a = architecture({ focus: 'node', gaussians: 3, blocks: 1 })
const facts = { architecture: a, dataset: 'mp20', step: 12, score: { accuracy: 51.5 } }
const parameters = initialParameters(a, 3)
const policy = encodePolicy(facts, parameters)
const damage = expect.objectContaining({ name: 'NetworkError', code: 'bad_checkpoint' })

test('a policy comes back with all that is said of it', async () => {
  const path = join(folder, 'policy.safetensors')
  await writeCheckpoint(path, policy)
  const read = decodePolicy(await readCheckpoint(path), path, a)
  expect(read.facts).toMatchObject(facts)
  expect(read.parameters).toEqual(parameters)
})

test('training goes on from its state with the same bits', async () => {
  const objective = randomCql(a, 4, 1)
  const network = await createQNetwork(a, { seed: 1, backend: 'tfjs' })
  const update = { learningRate: 1e-2 }
  await network.step(objective, update)
  const saved = encodeTrainingState(facts, network.trainingState())
  const straight = [await network.step(objective, update), await network.step(objective, update)]

  const resumed = await createQNetwork(a, { seed: 2, backend: 'tfjs' })
  const { state, facts: found } = decodeTrainingState(saved)
  expect(found).toMatchObject(facts)
  resumed.setTrainingState(state)
  expect([await resumed.step(objective, update), await resumed.step(objective, update)]).toEqual(straight)
  expect(resumed.trainingState()).toEqual(network.trainingState())
})

test('a checkpoint replaces the one before it, and leaves nothing beside it', async () => {
  const own = await mkdtemp(join(folder, 'own-'))
  const path = join(own, 'policy.safetensors')
  await writeCheckpoint(path, Uint8Array.of(1))
  await writeCheckpoint(path, policy)
  expect(new Uint8Array(await readFile(path))).toEqual(policy)
  expect(await readdir(own)).toEqual(['policy.safetensors'])
})

test('a checkpoint that cannot be written leaves nothing behind', async () => {
  await expect(writeCheckpoint(join(folder, 'absent', 'x.safetensors'), policy)).rejects.toThrow('ENOENT')
  await expect(writeCheckpoint(folder, policy)).rejects.toThrow(/EISDIR|ENOTEMPTY/)
  expect(
    (await readdir(tmpdir())).filter((name) => folder.endsWith(name.split('.')[0]) && name.endsWith('.tmp')),
  ).toEqual([])
})

describe('refuses', () => {
  const file = (tensors: Parameters<typeof encodeSafetensors>[0], changes: object = {}) =>
    encodeSafetensors(tensors, {
      unitcell: JSON.stringify({ format: 'unitcell-checkpoint-1', architecture: a, ...changes }),
    })

  test('a file that is cut off, wherever', async () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: policy.length - 1 }), (length) => {
        expect(() => decodePolicy(policy.slice(0, length))).toThrow(damage)
      }),
      { numRuns: 50 },
    )
    const path = join(folder, 'cut.safetensors')
    await writeFile(path, policy)
    await truncate(path, policy.length >> 1)
    const bytes = await readCheckpoint(path)
    expect(() => decodePolicy(bytes, path)).toThrow(/cut\.safetensors.*cut off/)
  })

  test('a file that is not there', async () => {
    await expect(readCheckpoint(join(folder, 'nothing'))).rejects.toMatchObject({ code: 'no_checkpoint' })
  })

  test('safetensors of something else, of another format, or a state for a policy', () => {
    const foreign = encodeSafetensors({ x: { dtype: 'F32', shape: [1], data: Float32Array.of(1) } })
    expect(() => decodePolicy(foreign)).toThrow('not a checkpoint of this program')
    expect(() => decodePolicy(file({}, { format: 'unitcell-checkpoint-2' }))).toThrow('unitcell-checkpoint-2')
    expect(() => decodeTrainingState(policy)).toThrow('not unitcell-training-state-1')
  })

  test('a network of another architecture, and says in what it differs', () => {
    expect(() => decodePolicy(policy, 'x', architecture({ ...a, gaussians: 20 }))).toThrow('its gaussians is 3, not 20')
  })

  test('tensors that are missing, too many or of another shape', () => {
    const tensors = Object.fromEntries(
      parameterLayout(a).tensors.map(({ name, shape, size }) => [
        name,
        { dtype: 'F32', shape, data: new Float32Array(size) } as const,
      ]),
    )
    const { 'node_encoder.layers.0.bias': bias, ...others } = tensors
    expect(() => decodePolicy(file(others))).toThrow('no tensor node_encoder.layers.0.bias')
    expect(() => decodePolicy(file({ ...tensors, more: bias }))).toThrow('more')
    const reshaped = { ...bias, shape: [1, ...bias.shape] }
    expect(() => decodePolicy(file({ ...tensors, 'node_encoder.layers.0.bias': reshaped }))).toThrow('[1,64]')
  })

  test('an architecture that this program does not know', () => {
    expect(() => decodePolicy(file({}, { architecture: { ...a, heads: 4 } }))).toThrow('heads')
    expect(() => decodePolicy(file({}, { architecture: { ...a, blocks: -1 } }))).toThrow('blocks')
    expect(() => decodePolicy(file({}, { architecture: { focus: 'node' } }))).toThrow('has no')
  })
})

const hasPython = (() => {
  try {
    return execFileSync('python3', ['--version']).length > 0
  } catch {
    return false
  }
})()

/** The safetensors format read by its specification, with nothing of ours and nothing but Python's library. */
const reader = `
import array, json, struct, sys
bytes = open(sys.argv[1], 'rb').read()
size, = struct.unpack('<Q', bytes[:8])
header = json.loads(bytes[8:8 + size])
begin, end = header['output_proj.layers.4.weight']['data_offsets']
values = array.array('f', bytes[8 + size + begin:8 + size + end])
print(json.dumps({'shape': header['output_proj.layers.4.weight']['shape'], 'last': values[-1],
  'gaussians': json.loads(header['__metadata__']['unitcell'])['architecture']['gaussians']}))
`

test.skipIf(!hasPython)(`Python reads a checkpoint${hasPython ? '' : ' (skipped: no python3)'}`, async () => {
  const path = join(folder, 'python.safetensors')
  await writeCheckpoint(path, policy)
  const { offset, size, shape } = parameterLayout(a).tensors.find(({ name }) => name === 'output_proj.layers.4.weight')!
  const found: unknown = JSON.parse(execFileSync('python3', ['-c', reader, path], { encoding: 'utf8' }))
  expect(found).toEqual({ shape, last: parameters[offset + size - 1], gaussians: 3 })
})
