import type { CrystalDataSet } from '@unitcell/datasets'
import type { Evaluator } from '../mdp/evaluation.js'
import { RecordedLabels } from '../rewards/recorded-labels.js'

/** What `/health` says of the calculations of a server. */
export interface CalculationState {
  /** Identity of the label set under which it calculates. */
  readonly label_set: string
  readonly profile: string
  /** Version of pw.x. */
  readonly pw_version: string
  /** Calculations at a time. */
  readonly slots: number
  readonly running: number
  readonly queued: number
}

/** Where the rewards of a server come from. */
export interface RewardSource {
  /** Who judges fillings of the crystals of a data set. */
  evaluatorOf(dataset: CrystalDataSet): Evaluator
  /** Null where nothing calculates. */
  readonly calculations: CalculationState | null
}

/** The labels of the data sets, and nothing that calculates. */
export const recordedRewards: RewardSource = {
  evaluatorOf: (dataset) => new RecordedLabels(dataset),
  calculations: null,
}
