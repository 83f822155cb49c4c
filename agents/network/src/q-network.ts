import type { Architecture } from './architecture.js'
import type { GraphBatch } from './batch.js'
import type { ParameterLayout } from './parameters.js'

/** The network that learns, or the slowly following copy of it (Polyak average). */
export type NetworkCopy = 'online' | 'target'

/**
 * Q(s, .) of the paper, or the logits of a policy, with everything needed to train it. Engines share parameters, layout
 * and meaning to rounding; the same seed, engine and threads give the same bits.
 *
 * Calls are answered in order; a caller may change a batch's arrays once the answer is there.
 */
export interface QNetwork {
  readonly architecture: Architecture
  readonly layout: ParameterLayout
  /** Which engine, and what it found on this machine. */
  readonly backend: { readonly name: BackendName; readonly detail: string; readonly threads: number }

  /** @returns B x 88 */
  forward(batch: GraphBatch, copy?: NetworkCopy): Promise<Float32Array>

  /**
   * The readout at every site, for networks with the readout `node`.
   * @returns N x 88
   * @throws {NetworkError} `bad_argument` for another readout
   */
  forwardSites(batch: GraphBatch, copy?: NetworkCopy): Promise<Float32Array>

  /** The loss at the online parameters and its gradient (before clipping), in the layout's order. Changes nothing. */
  gradient(objective: Objective): Promise<{ readonly losses: Losses; readonly gradient: Float32Array }>

  /**
   * One step of Adam on the objective, and of the target copy after it. When the loss or the gradient's norm is not
   * finite nothing is changed: `applied` is false and the caller must say so.
   */
  step(objective: Objective, update: Update): Promise<StepResult>

  /** @returns a copy, in the layout's order */
  parameters(copy?: NetworkCopy): Float32Array
  /** @throws {NetworkError} `bad_argument` for another number of values */
  setParameters(values: Float32Array, copy?: NetworkCopy): void

  /** Everything that training goes on from: with `setTrainingState` the next step has the same bits. */
  trainingState(): TrainingState
  /** @throws {NetworkError} `bad_argument` */
  setTrainingState(state: TrainingState): void

  /** Frees memory and threads; every other call afterwards is refused with `disposed`. */
  dispose(): void
}

export type BackendName = 'native' | 'tfjs'

export interface QNetworkOptions {
  /** Of the fresh parameters. Default 0. */
  readonly seed?: number
  /** Computing threads. Default: as many as the machine has cores; engines without the choice ignore it. */
  readonly threads?: number
}

export type Objective = CloningObjective | CqlObjective

interface CommonObjective {
  readonly batch: GraphBatch
  /** B element indices: what the data filled the focus site with. */
  readonly actions: Uint8Array
  /**
   * Weight of the auxiliary loss (readout `node` only; default 0): the mean cross-entropy over the *other* unfilled
   * sites of the batch, each times its graph's weight.
   */
  readonly auxiliary?: number
  /** N true element indices, needed for the auxiliary loss; 88 leaves a site out. */
  readonly siteElements?: Uint8Array
  /** Of the dropout masks; give every step another. Without it nothing is dropped. */
  readonly dropoutSeed?: number
}

/** Behavioural cloning: mean over graphs of weight * cross-entropy(logits at the focus, action), + auxiliary. */
export interface CloningObjective extends CommonObjective {
  readonly kind: 'cloning'
  /** B, default all 1. The mean divides by B, not by their sum. */
  readonly weights?: Float32Array
}

/**
 * CQL, Algorithm 1 of the paper: omega mean(logsumexp Q(s, .) - Q(s, a)) + 1/2 mean((Q(s, a) - y)^2), where y = r for
 * a terminal transition, else r + gamma max_a Q_target(s', a); + auxiliary.
 */
export interface CqlObjective extends CommonObjective {
  readonly kind: 'cql'
  /** B rewards. */
  readonly rewards: Float32Array
  /** B, 1 where the action filled the last site. */
  readonly terminal: Uint8Array
  /** The next states of the transitions that are not terminal, in their order; null when all are terminal. */
  readonly next: GraphBatch | null
  readonly gamma: number
  readonly omega: number
}

export interface Update {
  readonly learningRate: number
  /** Largest global norm of the gradient. Default 5, the paper's. */
  readonly clipNorm?: number
  /** Share of the way that the target copy moves to the online one. Default 0.005, the paper's; 0 leaves it. */
  readonly tau?: number
  /** Decoupled weight decay (AdamW), times the learning rate. Default 0. */
  readonly weightDecay?: number
  /** Default 0.9, 0.999 and 1e-8, PyTorch's. */
  readonly beta1?: number
  readonly beta2?: number
  readonly epsilon?: number
}

export interface Losses {
  /** What is minimised: the weighted sum of those below. */
  readonly loss: number
  /** Cross-entropy at the focus (cloning), or mean(logsumexp Q - Q(s, a)) without omega (CQL): the same formula. */
  readonly imitation: number
  /** 1/2 mean((Q(s, a) - y)^2); 0 for cloning. */
  readonly temporalDifference: number
  /** Without its weight. */
  readonly auxiliary: number
  /** Share of the graphs whose largest output is the action. */
  readonly accuracy: number
  /** Mean of Q(s, a). */
  readonly meanQ: number
}

export interface StepResult extends Losses {
  /** Global norm before clipping. */
  readonly gradientNorm: number
  /** Whether the parameters were changed. */
  readonly applied: boolean
}

export interface TrainingState {
  /** Steps that Adam has made. */
  readonly steps: number
  readonly online: Float32Array
  readonly target: Float32Array
  /** Adam's moments. */
  readonly firstMoment: Float32Array
  readonly secondMoment: Float32Array
}
