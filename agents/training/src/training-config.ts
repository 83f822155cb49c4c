import type { Architecture, BackendChoice, NetworkCopy, StateVectorOptions } from '@unitcell/network'
import type { LearningRateSchedule } from './schedule.js'

export type Preset = 'paper' | 'best'

/** Numbers per site that the network is given beside the elements. */
export type FeatureName = 'local-geometry' | 'similar-crystals'

/** What every learner is configured by. Written to the run's folder and into its checkpoints. */
export interface TrainingConfig {
  readonly preset: Preset
  /** Of parameters, orders, batches and dropout. */
  readonly seed: number
  readonly steps: number
  /** Transitions in a step. */
  readonly batchSize: number
  readonly learningRate: LearningRateSchedule
  /** Largest global norm of the gradient. */
  readonly clipNorm: number
  /** Share of the way to the online parameters that the target copy moves each step. */
  readonly tau: number
  /** Decoupled weight decay. */
  readonly weightDecay: number
  /** Which copy of the network plays: the one that learns, or the slowly following average. */
  readonly policy: NetworkCopy
  /** How the crystals learnt from number their sites: as the files list them (the paper), or at random. */
  readonly sites: 'file' | 'shuffled'
  /** Breadth-first orders per crystal: the sites 0..min(sources, N) - 1 as sources. */
  readonly sources: number | 'all'
  readonly spaceGroup: 'crystal' | 'skeleton'
  readonly state: Omit<StateVectorOptions, 'target'>
  readonly features: readonly FeatureName[]
  /** Changes of the paper's architecture; the input sizes follow from the rest. */
  readonly architecture: Partial<Omit<Architecture, 'stateSize' | 'nodeFeatures' | 'nodeTokens'>>
  /** Steps between greedy rollouts on val. */
  readonly evaluateEvery: number
}

/** What a run takes from its surroundings: it changes how fast it is, and only rounding of what it learns. */
export interface ComputingOptions {
  readonly backend: BackendChoice
  readonly threads?: number
  /** Ends the run after so many minutes; two such runs are not the same. */
  readonly minutes?: number
}

/** The paper's: Sections 4 and appendix; 500,000 steps of 1024 transitions, Adam 3e-4, tau 0.005, clip 5. */
export const PAPER_TRAINING: TrainingConfig = {
  preset: 'paper',
  seed: 0,
  steps: 500_000,
  batchSize: 1024,
  learningRate: { kind: 'constant', peak: 3e-4, warmup: 0 },
  clipNorm: 5,
  tau: 0.005,
  weightDecay: 0,
  policy: 'online',
  sites: 'file',
  sources: 5,
  spaceGroup: 'crystal',
  state: { scale: 'raw', volume: false },
  features: [],
  architecture: {},
  evaluateEvery: 1_000,
}

/**
 * What this project found to be better (agents/README.md has the measurements). Updates of one layer learn several times
 * faster than the paper's of three; small batches, a high rate and an average of the parameters make the most of it.
 */
export const BEST_TRAINING: TrainingConfig = {
  ...PAPER_TRAINING,
  preset: 'best',
  steps: 12_000,
  batchSize: 32,
  learningRate: { kind: 'cosine', peak: 3e-3, warmup: 100 },
  tau: 0.01,
  weightDecay: 0.02,
  policy: 'target',
  sites: 'shuffled',
  state: { scale: 'normalised', volume: true },
  features: ['local-geometry', 'similar-crystals'],
  architecture: {
    focus: 'node',
    gaussians: 20,
    readout: 'node',
    encoderWidths: [64],
    convolutionWidths: [64],
    readoutWidths: [64],
    dropout: 0.2,
  },
  evaluateEvery: 1_000,
}
