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
import { parameterLayout, type ParameterLayout } from './parameters.js'
import type { TrainingState } from './q-network.js'

/** `format` of the metadata; the number counts changes that older programs cannot read. */
export const CHECKPOINT_FORMAT = 'unitcell-q-network/1'

/**
 * A network in a file, for any language with a safetensors library. The tensors have the names and shapes of
 * `parameterLayout`, PyTorch's; those of the target network, of Adam's moments begin with `target.`, `adam.m.` and
 * `adam.v.`. The metadata hold `format`, `architecture` and `provenance` (JSON) and `steps`.
 */
export interface Checkpoint {
  readonly architecture: Architecture
  /** In the layout's order. */
  readonly parameters: Float32Array
  /** Everything to go on training from; null in a checkpoint that only plays. */
  readonly training: TrainingState | null
  /** What the parameters were trained on and how: whatever JSON the trainer wants to find again. */
  readonly provenance: Readonly<Record<string, unknown>>
}

const PARTS = { target: 'target.', firstMoment: 'adam.m.', secondMoment: 'adam.v.' } as const

export function encodeCheckpoint({ architecture, parameters, training, provenance }: Checkpoint): Uint8Array {
  const layout = parameterLayout(architecture)
  const tensors: Record<string, Tensor> = {}
  write(tensors, layout, '', training?.online ?? parameters)
  if (training) {
    for (const [part, prefix] of Object.entries(PARTS)) {
      write(tensors, layout, prefix, training[part as keyof typeof PARTS])
    }
  }
  return encodeSafetensors(tensors, {
    format: CHECKPOINT_FORMAT,
    architecture: JSON.stringify(architecture),
    provenance: JSON.stringify(provenance),
    ...(training && { steps: String(training.steps) }),
  })
}

/**
 * @param source what to call it in an error
 * @param expected refuses a network of another architecture
 * @throws {NetworkError} `bad_checkpoint`: cut off, damaged, of something else, or of another architecture
 */
export function decodeCheckpoint(bytes: Uint8Array, source = 'the checkpoint', expected?: Architecture): Checkpoint {
  const { tensors, metadata } = decode(bytes, source)
  const format = metadata['format']
  if (format !== CHECKPOINT_FORMAT) {
    const what = format?.startsWith('unitcell-q-network/')
      ? `${source} is of another version (${format}, not ${CHECKPOINT_FORMAT})`
      : `${source} is a safetensors file but not a checkpoint of this program`
    throw bad(what, 'give one that `unitcell-agent train` wrote')
  }
  const architecture = readArchitecture(metadata['architecture'], source)
  if (expected) refuseOther(architecture, completeArchitecture(expected), source)
  const layout = parameterLayout(architecture)
  const names = new Set(tensors.keys())
  const read = (prefix: string) => readPart(tensors, layout, prefix, source, names)
  const parameters = read('')
  const training =
    'steps' in metadata
      ? {
          steps: readSteps(metadata['steps'], source),
          online: parameters,
          target: read(PARTS.target),
          firstMoment: read(PARTS.firstMoment),
          secondMoment: read(PARTS.secondMoment),
        }
      : null
  if (names.size > 0) throw bad(`${source} has a tensor that its network has not: ${[...names][0]}`)
  return { architecture, parameters, training, provenance: readJson(metadata['provenance'] ?? '{}', source) }
}

/** Writes to a temporary file beside it and renames: after a crash the old checkpoint is there, or the new one. */
export async function writeCheckpoint(path: string, checkpoint: Checkpoint): Promise<void> {
  const temporary = `${path}.${process.pid}.tmp`
  try {
    const file = await open(temporary, 'w')
    try {
      await file.writeFile(encodeCheckpoint(checkpoint))
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

/** @throws {NetworkError} `bad_checkpoint`, as `decodeCheckpoint`, or where there is no file */
export async function readCheckpoint(path: string, expected?: Architecture): Promise<Checkpoint> {
  let bytes: Uint8Array
  try {
    bytes = await readFile(path)
  } catch (error) {
    throw bad(`${path} cannot be read: ${(error as NodeJS.ErrnoException).code}`, 'check the path')
  }
  return decodeCheckpoint(bytes, path, expected)
}

function write(tensors: Record<string, Tensor>, layout: ParameterLayout, prefix: string, values: Float32Array): void {
  for (const { name, shape, offset, size } of layout.tensors) {
    tensors[prefix + name] = { dtype: 'F32', shape, data: values.subarray(offset, offset + size) }
  }
}

/** Takes what it reads out of `names`. */
function readPart(
  tensors: Safetensors['tensors'],
  layout: ParameterLayout,
  prefix: string,
  source: string,
  names: Set<string>,
): Float32Array {
  const values = new Float32Array(layout.size)
  for (const { name, shape, offset } of layout.tensors) {
    const tensor = tensors.get(prefix + name)
    names.delete(prefix + name)
    if (!tensor) throw bad(`${source} has no tensor ${prefix}${name}`)
    if (tensor.dtype !== 'F32' || tensor.shape.join() !== shape.join()) {
      throw bad(`${source}: tensor ${prefix}${name} is ${tensor.dtype} [${tensor.shape}], not F32 [${shape}]`)
    }
    values.set(tensor.data as Float32Array, offset)
  }
  return values
}

function decode(bytes: Uint8Array, source: string): Safetensors {
  try {
    return decodeSafetensors(bytes, source)
  } catch (error) {
    if (!(error instanceof SafetensorsError)) throw error
    throw bad(error.message)
  }
}

function readArchitecture(text: string | undefined, source: string): Architecture {
  const value = readJson(text ?? '', source)
  const known = Object.keys(completeArchitecture())
  const differing = [
    ...known.filter((field) => !(field in value)).map((field) => `no ${field}`),
    ...Object.keys(value).filter((field) => !known.includes(field)),
  ]
  if (differing.length > 0) throw bad(`the architecture of ${source} is not one of this program: ${differing[0]}`)
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

function readSteps(text: string | undefined, source: string): number {
  const steps = Number(text)
  if (Number.isSafeInteger(steps) && steps >= 0) return steps
  throw bad(`${source} states ${JSON.stringify(text)} steps`)
}

function readJson(text: string, source: string): Record<string, unknown> {
  try {
    const value = JSON.parse(text) as unknown
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>
  } catch {
    // Said below.
  }
  throw bad(`the metadata of ${source} are not JSON objects`)
}

function bad(what: string, fix = 'use another checkpoint, or train again'): NetworkError {
  return new NetworkError('bad_checkpoint', what, fix)
}
