import { execFileSync } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { encodeSafetensors } from '@unitcell/datasets'
import {
  architecture,
  createQNetwork,
  decodeCheckpoint,
  encodeCheckpoint,
  initialParameters,
  parameterLayout,
  readCheckpoint,
  writeCheckpoint,
  type Checkpoint,
} from '@unitcell/network'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { randomCql } from './batches.js'

let folder: string
beforeAll(async () => void (folder = await mkdtemp(join(tmpdir(), 'checkpoint-'))))
afterAll(() => rm(folder, { recursive: true }))

const a = architecture({ focus: 'node', gaussians: 3, blocks: 1 })
const provenance = { dataset: 'mp20', steps: 12, score: { accuracy: 51.5 } }
const policy: Checkpoint = { architecture: a, parameters: initialParameters(a, 3), training: null, provenance }
const damage = (code = 'bad_checkpoint') => expect.objectContaining({ name: 'NetworkError', code })

test('a policy comes back with its configuration and provenance', async () => {
  const path = join(folder, 'policy.safetensors')
  await writeCheckpoint(path, policy)
  expect(await readCheckpoint(path, a)).toEqual(policy)
})

test('training goes on from a checkpoint with the same bits', async () => {
  const path = join(folder, 'state.safetensors')
  const objective = randomCql(a, 4, 1)
  const network = await createQNetwork(a, { seed: 1, backend: 'tfjs' })
  const update = { learningRate: 1e-2 }
  await network.step(objective, update)
  const training = network.trainingState()
  await writeCheckpoint(path, { architecture: a, parameters: training.online, training, provenance })
  const straight = [await network.step(objective, update), await network.step(objective, update)]

  const resumed = await createQNetwork(a, { seed: 2, backend: 'tfjs' })
  resumed.setTrainingState((await readCheckpoint(path)).training!)
  expect([await resumed.step(objective, update), await resumed.step(objective, update)]).toEqual(straight)
  expect(resumed.trainingState()).toEqual(network.trainingState())
})

test('a checkpoint replaces the one before it, and leaves nothing beside it', async () => {
  const own = await mkdtemp(join(folder, 'own-'))
  const path = join(own, 'policy.safetensors')
  await writeCheckpoint(path, policy)
  await writeCheckpoint(path, { ...policy, provenance: { second: true } })
  expect((await readCheckpoint(path)).provenance).toEqual({ second: true })
  expect(await readdir(own)).toEqual(['policy.safetensors'])
})

test('a checkpoint that cannot be written leaves the old one as it was', async () => {
  const path = join(folder, 'kept.safetensors')
  await writeCheckpoint(path, policy)
  const before = await readFile(path)
  const broken = { ...policy, provenance: { toJSON: () => { throw new Error('no') } } } // prettier-ignore
  await expect(writeCheckpoint(path, broken)).rejects.toThrow('no')
  expect(await readFile(path)).toEqual(before)
  await expect(writeCheckpoint(join(folder, 'absent', 'x.safetensors'), policy)).rejects.toThrow('ENOENT')
})

describe('refuses', () => {
  test('a file that is cut off, wherever', async () => {
    const bytes = encodeCheckpoint(policy)
    fc.assert(
      fc.property(fc.integer({ min: 0, max: bytes.length - 1 }), (length) => {
        expect(() => decodeCheckpoint(bytes.slice(0, length))).toThrow(damage())
      }),
      { numRuns: 50 },
    )
    const path = join(folder, 'cut.safetensors')
    await writeFile(path, bytes)
    await truncate(path, bytes.length >> 1)
    await expect(readCheckpoint(path)).rejects.toThrow(/cut\.safetensors.*cut off/)
  })

  test('a file that is not there', async () => {
    await expect(readCheckpoint(join(folder, 'nothing'))).rejects.toThrow(damage())
  })

  test('safetensors of something else', () => {
    const foreign = encodeSafetensors({ x: { dtype: 'F32', shape: [1], data: Float32Array.of(1) } })
    expect(() => decodeCheckpoint(foreign)).toThrow('not a checkpoint of this program')
  })

  test('a checkpoint of a later format', () => {
    const later = encodeSafetensors({}, { format: 'unitcell-q-network/2' })
    expect(() => decodeCheckpoint(later)).toThrow('another version')
  })

  test('a network of another architecture, and says in what it differs', () => {
    expect(() => decodeCheckpoint(encodeCheckpoint(policy), 'x', architecture({ ...a, gaussians: 20 }))).toThrow(
      'its gaussians is 3, not 20',
    )
  })

  test('tensors that are missing, too many or of another shape', () => {
    const tensors = Object.fromEntries(
      parameterLayout(a).tensors.map(({ name, shape, size }) => [
        name,
        { dtype: 'F32', shape, data: new Float32Array(size) } as const,
      ]),
    )
    const metadata = { format: 'unitcell-q-network/1', architecture: JSON.stringify(a) }
    const { 'node_encoder.layers.0.bias': bias, ...others } = tensors
    expect(() => decodeCheckpoint(encodeSafetensors(others, metadata))).toThrow('no tensor node_encoder.layers.0.bias')
    const extra = encodeSafetensors({ ...tensors, more: bias }, metadata)
    expect(() => decodeCheckpoint(extra)).toThrow('more')
    const reshaped = { ...bias, shape: [1, ...bias.shape] }
    const wrong = encodeSafetensors({ ...tensors, 'node_encoder.layers.0.bias': reshaped }, metadata)
    expect(() => decodeCheckpoint(wrong)).toThrow('[1,64]')
    const unfinished = encodeSafetensors(tensors, { ...metadata, steps: '3' })
    expect(() => decodeCheckpoint(unfinished)).toThrow('target.')
  })

  test('an architecture that this program does not know', () => {
    const metadata = { format: 'unitcell-q-network/1', architecture: JSON.stringify({ ...a, heads: 4 }) }
    expect(() => decodeCheckpoint(encodeSafetensors({}, metadata))).toThrow('heads')
    const nonsense = { ...metadata, architecture: JSON.stringify({ ...a, blocks: -1 }) }
    expect(() => decodeCheckpoint(encodeSafetensors({}, nonsense))).toThrow('blocks')
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
  'gaussians': json.loads(header['__metadata__']['architecture'])['gaussians']}))
`

test.skipIf(!hasPython)(`Python reads a checkpoint${hasPython ? '' : ' (skipped: no python3)'}`, async () => {
  const path = join(folder, 'python.safetensors')
  await writeCheckpoint(path, policy)
  const { offset, size, shape } = parameterLayout(a).tensors.find(({ name }) => name === 'output_proj.layers.4.weight')!
  const found: unknown = JSON.parse(execFileSync('python3', ['-c', reader, path], { encoding: 'utf8' }))
  expect(found).toEqual({ shape, last: policy.parameters[offset + size - 1], gaussians: 3 })
})
