import { availableParallelism } from 'node:os'
import * as tf from '@tensorflow/tfjs-core'
import { adamStep, globalNorm } from '../adam.js'
import { checkArchitecture, type Architecture } from '../architecture.js'
import { checkBatch, type GraphBatch } from '../batch.js'
import { NetworkError } from '../network-error.js'
import { checkUpdate, checkValues } from '../objective-check.js'
import { evaluateObjective, outputRows, rowMaxima } from '../objective.js'
import { initialParameters, parameterLayout } from '../parameters.js'
import type {
  Losses,
  NetworkCopy,
  Objective,
  QNetwork,
  QNetworkOptions,
  StepResult,
  TrainingState,
  Update,
} from '../q-network.js'
import { startTfjs, type TfjsBackend, type TfjsDevice } from './backend.js'
import { Megnet, type NamedParameters } from './forward.js'
import { graphTensors } from './graph-tensors.js'

export interface TfjsOptions extends QNetworkOptions {
  /** Default: the fastest that works here. */
  readonly device?: TfjsDevice
  /** Why not another engine; added to `backend.detail`. */
  readonly reason?: string
}

const NONE = new Float32Array(0)

/**
 * The Q-network on TensorFlow.js: its tape makes the gradient, so that this is also the plainest statement of the network
 * there is. Parameters and Adam's moments live on the host; they are small.
 */
export class TfjsQNetwork implements QNetwork {
  readonly layout
  readonly backend
  readonly #device: TfjsDevice
  readonly #megnet: Megnet
  #state: TrainingState
  #isDisposed = false
  readonly #tensors = new Map<NetworkCopy, tf.Tensor[]>()

  /** @throws {NetworkError} `bad_architecture`, `backend_unavailable` */
  static async create(
    architecture: Architecture,
    { seed = 0, device, reason }: TfjsOptions = {},
  ): Promise<TfjsQNetwork> {
    checkArchitecture(architecture)
    const { device: started, detail } = await startTfjs(device)
    const reasons = reason === undefined ? detail : `${detail}; ${reason}`
    return new TfjsQNetwork(architecture, seed, { device: started, detail: reasons })
  }

  private constructor(
    readonly architecture: Architecture,
    seed: number,
    { device, detail }: TfjsBackend,
  ) {
    this.layout = parameterLayout(architecture)
    // TensorFlow takes as many threads as there are cores, and asks nobody.
    const threads = device === 'tensorflow' ? availableParallelism() : 1
    this.backend = { name: 'tfjs', detail, threads } as const
    this.#device = device
    this.#megnet = new Megnet(architecture)
    const online = initialParameters(architecture, seed)
    this.#state = {
      steps: 0,
      online,
      target: online.slice(),
      firstMoment: new Float32Array(online.length),
      secondMoment: new Float32Array(online.length),
    }
  }

  async forward(batch: GraphBatch, copy: NetworkCopy = 'online'): Promise<Float32Array> {
    await this.#ready()
    checkBatch(batch, this.architecture)
    return this.#outputs(batch, copy, focusNodes(batch))
  }

  async forwardSites(batch: GraphBatch, copy: NetworkCopy = 'online'): Promise<Float32Array> {
    await this.#ready()
    checkBatch(batch, this.architecture)
    if (this.architecture.readout !== 'node') {
      const fix = 'use a network with the readout node'
      throw new NetworkError('bad_argument', 'this network has one output per crystal, not per site', fix)
    }
    return this.#outputs(
      batch,
      copy,
      Int32Array.from(batch.elements, (_, node) => node),
    )
  }

  async gradient(objective: Objective): Promise<{ losses: Losses; gradient: Float32Array }> {
    await this.#ready()
    return this.#gradient(objective)
  }

  async step(objective: Objective, update: Update): Promise<StepResult> {
    checkUpdate(update)
    await this.#ready()
    const { losses, gradient } = this.#gradient(objective)
    const gradientNorm = globalNorm(gradient)
    const applied = Number.isFinite(losses.loss) && Number.isFinite(gradientNorm)
    if (applied) {
      this.#state = { ...this.#state, steps: adamStep(this.#state, gradient, gradientNorm, update) }
      this.#forget()
    }
    return { ...losses, gradientNorm, applied }
  }

  parameters(copy: NetworkCopy = 'online'): Float32Array {
    this.#refuseDisposed()
    return this.#state[copy].slice()
  }

  setParameters(values: Float32Array, copy: NetworkCopy = 'online'): void {
    this.#refuseDisposed()
    checkValues('parameters', values, this.layout.size)
    this.#state[copy].set(values)
    this.#forget()
  }

  trainingState(): TrainingState {
    this.#refuseDisposed()
    const { steps, online, target, firstMoment, secondMoment } = this.#state
    return {
      steps,
      online: online.slice(),
      target: target.slice(),
      firstMoment: firstMoment.slice(),
      secondMoment: secondMoment.slice(),
    }
  }

  setTrainingState(state: TrainingState): void {
    this.#refuseDisposed()
    for (const part of ['online', 'target', 'firstMoment', 'secondMoment'] as const) {
      checkValues(part, state[part], this.layout.size)
    }
    if (!(Number.isSafeInteger(state.steps) && state.steps >= 0)) {
      throw new NetworkError('bad_argument', `the number of steps is ${state.steps}`, 'give a whole number')
    }
    const { steps, online, target, firstMoment, secondMoment } = state
    this.#state = {
      steps,
      online: online.slice(),
      target: target.slice(),
      firstMoment: firstMoment.slice(),
      secondMoment: secondMoment.slice(),
    }
    this.#forget()
  }

  dispose(): void {
    this.#forget()
    this.#isDisposed = true
  }

  /** The outputs at `rows`; of the readout `set2set` there is one per graph. */
  #outputs(batch: GraphBatch, copy: NetworkCopy, rows: Int32Array): Float32Array {
    const parameters = this.#named(this.#parameterTensors(copy))
    return tf.tidy(() => {
      const graph = graphTensors(batch, this.architecture)
      const options = { rows: tf.tensor1d(rows, 'int32'), dropoutSeed: undefined }
      return this.#megnet.forward(parameters, graph, options).dataSync<'float32'>()
    })
  }

  #gradient(objective: Objective): { losses: Losses; gradient: Float32Array } {
    const { batch, dropoutSeed } = objective
    const rows = outputRows(objective, this.architecture)
    const next = objective.kind === 'cql' ? objective.next : null
    const nextValues = next ? rowMaxima(this.#outputs(next, 'target', focusNodes(next))) : NONE
    const tensors = this.#parameterTensors('online')
    let losses: Losses
    const gradients = tf.tidy(() => {
      const graph = graphTensors(batch, this.architecture)
      const nodes = tf.tensor1d(rows.nodes, 'int32')
      // The losses are computed on the host; what is differentiated here is the product of their gradient with the outputs.
      const gradientOf = tf.grads((...parameters: tf.Tensor[]) => {
        const outputs = this.#megnet.forward(this.#named(parameters), graph, { rows: nodes, dropoutSeed })
        const evaluated = evaluateObjective(objective, rows, outputs.dataSync<'float32'>(), nextValues)
        losses = evaluated.losses
        return tf.sum(tf.mul(outputs, tf.tensor2d(evaluated.outputGradient, outputs.shape)))
      })
      return gradientOf(tensors)
    })
    const gradient = new Float32Array(this.layout.size)
    gradients.forEach((values, i) => gradient.set(values.dataSync(), this.layout.tensors[i].offset))
    tf.dispose(gradients)
    return { losses: losses!, gradient }
  }

  #parameterTensors(copy: NetworkCopy): tf.Tensor[] {
    let tensors = this.#tensors.get(copy)
    if (!tensors) {
      const values = this.#state[copy]
      tensors = this.layout.tensors.map(({ shape, offset, size }) =>
        tf.tensor(values.slice(offset, offset + size), [...shape], 'float32'),
      )
      this.#tensors.set(copy, tensors)
    }
    return tensors
  }

  #named(tensors: readonly tf.Tensor[]): NamedParameters {
    return Object.fromEntries(this.layout.tensors.map(({ name }, i) => [name, tensors[i]]))
  }

  /** Frees the tensors of parameters that have changed. */
  #forget(): void {
    for (const tensors of this.#tensors.values()) tf.dispose(tensors)
    this.#tensors.clear()
  }

  /** tfjs has one device in use at a time; another network may have taken it. */
  async #ready(): Promise<void> {
    this.#refuseDisposed()
    if (tf.getBackend() !== this.#device) await tf.setBackend(this.#device)
  }

  #refuseDisposed(): void {
    if (!this.#isDisposed) return
    throw new NetworkError('disposed', 'this network was disposed of', 'create another one')
  }
}

function focusNodes(batch: GraphBatch): Int32Array {
  return Int32Array.from(batch.focus, (site, g) => batch.nodeOffsets[g] + site)
}
