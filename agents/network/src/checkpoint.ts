import { open, readFile, rename, rm } from 'node:fs/promises'
import {
  decodeSafetensors,
  encodeSafetensors,
  SafetensorsError,
  type Safetensors,
  type Tensor,
} from '@unitcell/datasets'
import { architecture as completeArchitecture, type Architecture } from './architecture.js'
import { NetworkError } from './network-error.js'
import { parameterLayout } from './parameters.js'
import type { TrainingState } from './q-network.js'

// Networks in safetensors files, for any language with a library for these. What a file says of itself is JSON under
// `unitcell` in the metadata: `format`, `architecture` and whatever the trainer wants to find again (data, options, score).

/** A policy: tensors by the names and in the shapes of `parameterLayout`, PyTorch's. */
const POLICY_FORMAT = 'unitcell-checkpoint-1'
/** Where training stands: four flat tensors in the layout's order. `adamSteps` counts the steps made. */
const STATE_FORMAT = 'unitcell-training-state-1'
const HEADER = 'unitcell'

const STATE_TENSORS = {
  online: 'online',
  target: 'target',
  firstMoment: 'first_moment',
  secondMoment: 'second_moment',
} as const satisfies Partial<Record<keyof TrainingState, string>>

/** What a checkpoint says of itself. */
export interface CheckpointFacts {
  readonly architecture: Architecture
  readonly [fact: string]: unknown
}

export function encodePolicy<Facts extends { readonly architecture: Architecture }>(
  facts: Facts,
  parameters: Float32Array,
): Uint8Array {
  const tensors: Record<string, Tensor> = {}
  for (const { name, shape, offset, size } of parameterLayout(facts.architecture).tensors) {
    tensors[name] = { dtype: 'F32', shape, data: parameters.subarray(offset, offset + size) }
  }
  return encodeSafetensors(tensors, { [HEADER]: JSON.stringify({ format: POLICY_FORMAT, ...facts }) })
}

/**
 * @param source what to call the file in an error
 * @param expected refuses a network of another architecture
 * @throws {NetworkError} `bad_checkpoint`: cut off, damaged, of something else, or of another architecture
 */
export function decodePolicy(
  bytes: Uint8Array,
  source = 'the checkpoint',
  expected?: Architecture,
): { facts: CheckpointFacts; parameters: Float32Array } {
  const { tensors, facts } = decode(bytes, POLICY_FORMAT, source)
  if (expected) refuseOther(facts.architecture, expected, source)
  const layout = parameterLayout(facts.architecture)
  const parameters = new Float32Array(layout.size)
  const unknown = new Set(tensors.keys())
  for (const { name, shape, offset } of layout.tensors) {
    parameters.set(readTensor(tensors, name, shape, source), offset)
    unknown.delete(name)
  }
  if (unknown.size > 0) throw bad(`${source} has a tensor that its network has not: ${[...unknown][0]}`)
  return { facts, parameters }
}

export function encodeTrainingState<Facts extends { readonly architecture: Architecture }>(
  facts: Facts,
  state: TrainingState,
): Uint8Array {
  const tensors = Object.fromEntries(
    Object.entries(STATE_TENSORS).map(([part, name]) => {
      const data = state[part as keyof typeof STATE_TENSORS]
      return [name, { dtype: 'F32', shape: [data.length], data } as const]
    }),
  )
  const header = { format: STATE_FORMAT, ...facts, adamSteps: state.steps }
  return encodeSafetensors(tensors, { [HEADER]: JSON.stringify(header) })
}

/** @throws {NetworkError} `bad_checkpoint`, as `decodePolicy` */
export function decodeTrainingState(
  bytes: Uint8Array,
  source = 'the checkpoint',
): { facts: CheckpointFacts; state: TrainingState } {
  const { tensors, facts } = decode(bytes, STATE_FORMAT, source)
  const steps = facts['adamSteps']
  if (!(Number.isSafeInteger(steps) && (steps as number) >= 0)) {
    throw bad(`${source} states ${JSON.stringify(steps)} steps`)
  }
  const { size } = parameterLayout(facts.architecture)
  const read = (part: keyof typeof STATE_TENSORS) => readTensor(tensors, STATE_TENSORS[part], [size], source)
  const state = {
    steps: steps as number,
    online: read('online'),
    target: read('target'),
    firstMoment: read('firstMoment'),
    secondMoment: read('secondMoment'),
  }
  return { facts, state }
}

/** Writes to a temporary file beside it and renames: after a crash the old checkpoint is there, or the new one. */
export async function writeCheckpoint(path: string, bytes: Uint8Array): Promise<void> {
  const temporary = `${path}.${process.pid}.tmp`
  try {
    const file = await open(temporary, 'w')
    try {
      await file.writeFile(bytes)
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(temporary, path)
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
}

/** @throws {NetworkError} `no_checkpoint` where there is no file that can be read */
export async function readCheckpoint(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path)
  } catch (error) {
    const what = `${path} cannot be read: ${(error as NodeJS.ErrnoException).code}`
    throw new NetworkError('no_checkpoint', what, 'name the folder that `unitcell-agent train --out` wrote')
  }
}

function readTensor(
  tensors: Safetensors['tensors'],
  name: string,
  shape: readonly number[],
  source: string,
): Float32Array {
  const tensor = tensors.get(name)
  if (!tensor) throw bad(`${source} has no tensor ${name}`)
  if (tensor.dtype === 'F32' && tensor.shape.join() === shape.join()) return tensor.data as Float32Array
  throw bad(`${source}: tensor ${name} is ${tensor.dtype} [${tensor.shape}], not F32 [${shape}]`)
}

function decode(bytes: Uint8Array, format: string, source: string) {
  let file: Safetensors
  try {
    file = decodeSafetensors(bytes, source)
  } catch (error) {
    if (!(error instanceof SafetensorsError)) throw error
    throw bad(error.message)
  }
  const facts = readFacts(file.metadata[HEADER], source)
  if (facts['format'] !== format) {
    const what = `${source} is of the format ${JSON.stringify(facts['format'])}, not ${format}`
    throw bad(what, 'give one that this version of `unitcell-agent train` wrote')
  }
  const architecture = readArchitecture(facts['architecture'], source)
  const checked: CheckpointFacts = { ...facts, architecture }
  return { tensors: file.tensors, facts: checked }
}

function readFacts(text: string | undefined, source: string): Record<string, unknown> {
  if (text === undefined) {
    const what = `${source} is a safetensors file but not a checkpoint of this program`
    throw bad(what, 'give one that `unitcell-agent train` wrote')
  }
  try {
    const value = JSON.parse(text) as unknown
    if (isRecord(value)) return value
  } catch {
    // Said below.
  }
  throw bad(`the metadata of ${source} are not a JSON object`)
}

function readArchitecture(value: unknown, source: string): Architecture {
  const known = Object.keys(completeArchitecture())
  if (!isRecord(value)) throw bad(`${source} does not state its architecture`)
  const missing = known.find((field) => !(field in value))
  if (missing !== undefined) throw bad(`the architecture of ${source} has no ${missing}`)
  const strange = Object.keys(value).find((field) => !known.includes(field))
  if (strange !== undefined)
    throw bad(`the architecture of ${source} has a ${strange}, which this program does not know`)
  try {
    return completeArchitecture(value)
  } catch (error) {
    throw bad(`the architecture of ${source} makes no network: ${(error as Error).message}`)
  }
}

function refuseOther(found: Architecture, expected: Architecture, source: string): void {
  for (const [field, value] of Object.entries(expected)) {
    const has = found[field as keyof Architecture]
    if (JSON.stringify(has) === JSON.stringify(value)) continue
    const what = `${source} is of another network: its ${field} is ${JSON.stringify(has)}, not ${JSON.stringify(value)}`
    throw bad(what, 'use it with the options it was trained with')
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function bad(what: string, fix = 'use another checkpoint, or train again'): NetworkError {
  return new NetworkError('bad_checkpoint', what, fix)
}
