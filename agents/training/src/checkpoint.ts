import { readFile } from 'node:fs/promises'
import { decodeSafetensors, encodeSafetensors, SafetensorsError, type Tensor } from '@unitcell/datasets'
import {
  checkArchitecture,
  NetworkError,
  parameterLayout,
  type Architecture,
  type StateVectorOptions,
} from '@unitcell/network'
import { AgentError } from './agent-error.js'
import type { RolloutScore } from './local-episodes.js'
import type { TrainingConfig } from './training-config.js'
import type { RunState } from './trainer.js'
import { writeWhole } from './whole-file.js'

/** What a checkpoint says of itself, as JSON under `unitcell` in the metadata of its safetensors file. */
export interface CheckpointHeader {
  readonly format: typeof FORMAT
  /** Name of the agent, e.g. `bc`. */
  readonly agent: string
  readonly config: TrainingConfig
  readonly architecture: Architecture
  readonly state: StateVectorOptions
  /** The data learnt from. */
  readonly dataset: { readonly name: string; readonly hash: string }
  /** Steps made. */
  readonly step: number
  /** Greedy rollouts on val, percent; null before the first. */
  readonly score: RolloutScore | null
}

const FORMAT = 'unitcell-checkpoint-1'
const STATE_FORMAT = 'unitcell-training-state-1'
const HEADER = 'unitcell'

/** Writes a policy: its parameters by their names (`ParameterTensor`), float32, and the header. */
export async function writePolicy(
  file: string,
  header: Omit<CheckpointHeader, 'format'>,
  parameters: Float32Array,
): Promise<void> {
  const tensors: Record<string, Tensor> = {}
  for (const { name, shape, offset, size } of parameterLayout(header.architecture).tensors) {
    tensors[name] = { dtype: 'F32', shape, data: parameters.slice(offset, offset + size) }
  }
  await writeWhole(file, encodeSafetensors(tensors, { [HEADER]: JSON.stringify({ format: FORMAT, ...header }) }))
}

/** @throws AgentError `checkpoint_needed` where there is no such file, `bad_checkpoint` for what is not a whole policy */
export async function readPolicy(file: string): Promise<{ header: CheckpointHeader; parameters: Float32Array }> {
  const { tensors, header } = await readWithHeader<CheckpointHeader>(file, FORMAT)
  try {
    checkArchitecture(header.architecture)
  } catch (error) {
    if (error instanceof NetworkError) throw damaged(file, error.message)
    throw error
  }
  const layout = parameterLayout(header.architecture)
  const parameters = new Float32Array(layout.size)
  for (const { name, shape, offset } of layout.tensors) {
    const tensor = tensors.get(name)
    if (tensor?.dtype !== 'F32' || tensor.shape.join() !== shape.join()) {
      const found = tensor === undefined ? 'is missing' : `is ${tensor.dtype} [${tensor.shape}]`
      throw damaged(file, `its tensor ${name} ${found}, not F32 [${shape}]`)
    }
    parameters.set(tensor.data as Float32Array, offset)
  }
  return { header, parameters }
}

type StateHeader = Pick<CheckpointHeader, 'agent' | 'config' | 'dataset'> &
  Pick<RunState, 'step' | 'running' | 'best'> & { readonly adamSteps: number }

/** Writes everything that a run goes on from. */
export async function writeRunState(
  file: string,
  what: Pick<CheckpointHeader, 'agent' | 'config' | 'dataset'>,
  { step, running, best, network }: RunState,
): Promise<void> {
  const flat = (data: Float32Array): Tensor => ({ dtype: 'F32', shape: [data.length], data })
  const tensors = {
    online: flat(network.online),
    target: flat(network.target),
    first_moment: flat(network.firstMoment),
    second_moment: flat(network.secondMoment),
  }
  const header = { format: STATE_FORMAT, ...what, step, running, best, adamSteps: network.steps }
  await writeWhole(file, encodeSafetensors(tensors, { [HEADER]: JSON.stringify(header) }))
}

/** @throws AgentError as `readPolicy` */
export async function readRunState(
  file: string,
): Promise<Pick<CheckpointHeader, 'agent' | 'config' | 'dataset'> & { state: RunState }> {
  const { tensors, header } = await readWithHeader<StateHeader>(file, STATE_FORMAT)
  const { agent, config, dataset, step, running, best, adamSteps } = header
  const values = (name: string) => {
    const tensor = tensors.get(name)
    if (tensor?.dtype !== 'F32') throw damaged(file, `it has no tensor ${name} of dtype F32`)
    return tensor.data as Float32Array
  }
  const network = {
    steps: adamSteps,
    online: values('online'),
    target: values('target'),
    firstMoment: values('first_moment'),
    secondMoment: values('second_moment'),
  }
  return { agent, config, dataset, state: { step, running, best, network } }
}

async function readWithHeader<H>(file: string, format: string) {
  let bytes: Buffer
  try {
    bytes = await readFile(file)
  } catch (error) {
    const what = `${file} cannot be read: ${(error as NodeJS.ErrnoException).code}`
    throw new AgentError('checkpoint_needed', what, 'name the folder that `unitcell-agent train --out` wrote')
  }
  try {
    const { tensors, metadata } = decodeSafetensors(bytes, file)
    const header = JSON.parse(metadata[HEADER] ?? '{}') as H & { format?: string }
    if (header.format !== format) throw damaged(file, `its format is ${JSON.stringify(header.format)}, not ${format}`)
    return { tensors, header }
  } catch (error) {
    if (error instanceof SafetensorsError || error instanceof SyntaxError) throw damaged(file, error.message)
    throw error
  }
}

function damaged(file: string, why: string): AgentError {
  const fix = 'train it again, or take a whole copy of the folder'
  return new AgentError('bad_checkpoint', `${file} is no checkpoint of this program: ${why}`, fix)
}
