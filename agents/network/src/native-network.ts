import { availableParallelism } from 'node:os'
import { ELEMENT_COUNT } from '@unitcell/datasets'
import { checkArchitecture, type Architecture } from './architecture.js'
import { checkBatch, type GraphBatch } from './batch.js'
import {
  INSTRUCTION_SETS,
  nativeAddon,
  type InstructionSet,
  type NativeAddon,
  type NativeBatch,
  type NativeEngine,
  type NativeObjective,
} from './native-addon.js'
import { NetworkError } from './network-error.js'
import { checkObjective, checkUpdate, checkValues } from './objective-check.js'
import { initialParameters, parameterLayout, type ParameterLayout } from './parameters.js'
import type {
  Losses,
  NetworkCopy,
  Objective,
  QNetwork,
  QNetworkOptions,
  StepResult,
  TrainingState,
  Update,
} from './q-network.js'

export interface NativeNetworkOptions extends QNetworkOptions {
  /** Default: the environment variable UNITCELL_NATIVE, else the best that the machine has. */
  readonly instructionSet?: InstructionSet
}

const ONLINE = 0
const TARGET = 1
const FIRST_MOMENT = 2
const SECOND_MOMENT = 3

/**
 * The engine in C++ (agents/network/native). Its results do not depend on the number of threads; those of another
 * instruction set differ by rounding.
 */
export class NativeNetwork implements QNetwork {
  readonly layout: ParameterLayout
  readonly backend: QNetwork['backend']
  private readonly addon: NativeAddon
  private engine: NativeEngine | null

  /** @throws {NetworkError} `bad_architecture`, `bad_argument` or `backend_unavailable` */
  constructor(
    readonly architecture: Architecture,
    { seed = 0, threads = availableParallelism(), instructionSet }: NativeNetworkOptions = {},
  ) {
    checkArchitecture(architecture)
    if (!(Number.isInteger(threads) && threads >= 1 && threads <= 1024)) {
      throw new NetworkError('bad_argument', `${threads} threads`, 'give an integer from 1 to 1024')
    }
    this.addon = nativeAddon()
    const chosen = usableInstructionSet(this.addon, instructionSet)
    this.layout = parameterLayout(architecture)
    this.backend = { name: 'native', detail: chosen, threads }
    this.engine = this.addon.create(architectureIntegers(architecture), architecture.dropout, chosen, threads)
    if (this.addon.size(this.engine) !== this.layout.size) {
      const what = 'the native engine was built from other sources than this program'
      throw new NetworkError('backend_unavailable', what, 'build it again with `npm run build:native`')
    }
    const initial = initialParameters(architecture, seed)
    this.setParameters(initial)
    this.setParameters(initial, 'target')
  }

  async forward(batch: GraphBatch, copy: NetworkCopy = 'online'): Promise<Float32Array> {
    checkBatch(batch, this.architecture)
    return this.outputs(batch, copy, false, batch.focus.length)
  }

  async forwardSites(batch: GraphBatch, copy: NetworkCopy = 'online'): Promise<Float32Array> {
    if (this.architecture.readout !== 'node') {
      const what = `the readout ${this.architecture.readout} has no output at sites`
      throw new NetworkError('bad_argument', what, 'use the readout `node`')
    }
    checkBatch(batch, this.architecture)
    return this.outputs(batch, copy, true, batch.elements.length)
  }

  async gradient(objective: Objective): Promise<{ losses: Losses; gradient: Float32Array }> {
    checkObjective(objective, this.architecture)
    const numbers = new Float64Array(8)
    const gradient = new Float32Array(this.layout.size)
    this.addon.gradient(this.alive(), numbers, gradient, ...nativeObjective(objective))
    return { losses: losses(numbers), gradient }
  }

  async step(objective: Objective, update: Update): Promise<StepResult> {
    checkObjective(objective, this.architecture)
    checkUpdate(update)
    const {
      learningRate,
      clipNorm = 5,
      tau = 0.005,
      weightDecay = 0,
      beta1 = 0.9,
      beta2 = 0.999,
      epsilon = 1e-8,
    } = update
    const numbers = new Float64Array(8)
    const options = Float64Array.of(learningRate, clipNorm, tau, weightDecay, beta1, beta2, epsilon)
    this.addon.step(this.alive(), numbers, options, ...nativeObjective(objective))
    return { ...losses(numbers), gradientNorm: numbers[6], applied: numbers[7] === 1 }
  }

  parameters(copy: NetworkCopy = 'online'): Float32Array {
    return this.values(copy === 'online' ? ONLINE : TARGET)
  }

  setParameters(values: Float32Array, copy: NetworkCopy = 'online'): void {
    checkValues('parameters', values, this.layout.size)
    this.addon.set(this.alive(), copy === 'online' ? ONLINE : TARGET, values)
  }

  trainingState(): TrainingState {
    return {
      steps: this.addon.steps(this.alive(), -1),
      online: this.values(ONLINE),
      target: this.values(TARGET),
      firstMoment: this.values(FIRST_MOMENT),
      secondMoment: this.values(SECOND_MOMENT),
    }
  }

  setTrainingState({ steps, online, target, firstMoment, secondMoment }: TrainingState): void {
    if (!(Number.isSafeInteger(steps) && steps >= 0)) {
      throw new NetworkError('bad_argument', `steps is ${steps}`, 'give the number of steps made')
    }
    const arrays = { online, target, firstMoment, secondMoment }
    for (const [name, values] of Object.entries(arrays)) checkValues(name, values, this.layout.size)
    Object.values(arrays).forEach((values, i) => this.addon.set(this.alive(), i as 0 | 1 | 2 | 3, values))
    this.addon.steps(this.alive(), steps)
  }

  dispose(): void {
    if (this.engine) this.addon.free(this.engine)
    this.engine = null
  }

  private alive(): NativeEngine {
    if (!this.engine) throw new NetworkError('disposed', 'the network was disposed of', 'create another one')
    return this.engine
  }

  private outputs(batch: GraphBatch, copy: NetworkCopy, sites: boolean, rows: number): Float32Array {
    const out = new Float32Array(rows * ELEMENT_COUNT)
    this.addon.forward(this.alive(), nativeBatch(batch), copy === 'target', sites, out)
    return out
  }

  private values(array: 0 | 1 | 2 | 3): Float32Array {
    const out = new Float32Array(this.layout.size)
    this.addon.get(this.alive(), array, out)
    return out
  }
}

/** @throws {NetworkError} `bad_argument` or `backend_unavailable` */
function usableInstructionSet(addon: NativeAddon, wanted: string = process.env.UNITCELL_NATIVE ?? ''): string {
  if (wanted !== '' && !(INSTRUCTION_SETS as readonly string[]).includes(wanted)) {
    throw new NetworkError('bad_argument', `no instruction set ${wanted}`, `use ${INSTRUCTION_SETS.join(', ')}`)
  }
  const chosen = addon.instructionSet(wanted)
  if (!chosen) throw new NetworkError('backend_unavailable', `this machine has no ${wanted}`, 'leave the choice open')
  return chosen
}

function architectureIntegers(a: Architecture): Int32Array {
  return Int32Array.of(
    Number(a.focus === 'node'),
    Number(a.readout === 'node'),
    ...[a.gaussians, a.stateSize, a.nodeFeatures, a.nodeTokens],
    ...[a.elementEmbedding, a.tokenEmbedding, a.focusEmbedding, a.blocks, a.set2setIterations],
    ...[a.encoderWidths, a.convolutionWidths, a.readoutWidths].flatMap((widths) => [widths.length, ...widths]),
  )
}

function nativeBatch(batch: GraphBatch): NativeBatch {
  const { nodeOffsets, edgeOffsets, elements, focus, state, nodeFeatures, nodeTokens } = batch
  const { sources, targets, distances } = batch
  return [nodeOffsets, edgeOffsets, elements, focus, state, nodeFeatures, nodeTokens, sources, targets, distances]
}

function nativeObjective(objective: Objective): NativeObjective {
  const { batch, actions, auxiliary = 0, siteElements = null, dropoutSeed = null } = objective
  const common = [nativeBatch(batch), actions] as const
  const rest = [auxiliary, siteElements, dropoutSeed] as const
  if (objective.kind === 'cloning') return [...common, objective.weights ?? null, ...rest, null]
  const { rewards, terminal, next, gamma, omega } = objective
  return [...common, null, ...rest, [rewards, terminal, next && nativeBatch(next), gamma, omega]]
}

function losses([loss, imitation, temporalDifference, auxiliary, accuracy, meanQ]: Float64Array): Losses {
  return { loss, imitation, temporalDifference, auxiliary, accuracy, meanQ }
}
