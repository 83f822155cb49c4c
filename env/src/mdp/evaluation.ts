import type { Labels, Structure } from '@unitcell/datasets'
import type { SourceCrystal } from './prepared-crystal.js'
import type { Failure } from './reward.js'

/** What is known of a filled crystal. */
export type Evaluation =
  | {
      readonly status: 'evaluated'
      readonly source: string
      readonly labels: Labels
      /** Lowest unoccupied less highest occupied level, eV; where it was recorded. */
      readonly signedGapEv?: number | null
    }
  | { readonly status: 'failed'; readonly source: string | null; readonly failure: Failure }

/** Interactive requests go before bulk ones. */
export type Priority = 'interactive' | 'bulk'

/** How far a calculation has come. */
export type SchedulerProgress =
  | {
      readonly state: 'queued'
      /** 1: the next to start. */
      readonly place: number
    }
  | {
      readonly state: 'running'
      /** SCF iteration, from 1; null before the first. */
      readonly iteration: number | null
      /** Ry; null before the first iteration has ended. */
      readonly estimatedAccuracyRy: number | null
      readonly elapsedSeconds: number
    }

/** A skeleton to be judged with a filling; `origin` null: of no data set, such as any whole structure. */
export type SkeletonSource = Pick<SourceCrystal, 'origin' | 'skeleton'>

export interface EvaluationOptions {
  readonly priority: Priority
  /** Withdraws the request; a calculation ends when nobody waits for it any more. */
  readonly signal?: AbortSignal | undefined
  readonly onProgress?: ((progress: SchedulerProgress) => void) | undefined
}

/** Tells energy and gap of filled crystals. Fillings are in the site order of their skeleton. */
export interface Evaluator {
  /**
   * What is known at once: cached, recorded, or known to be impossible (a crystal that no calculation takes; class
   * `unlabelled` where nothing is there that calculates). Null: it must be calculated.
   */
  lookup(skeleton: SkeletonSource, species: Structure['species']): Evaluation | null
  /**
   * Calculates, or joins a calculation of the same crystal that is under way. A calculation that fails is an evaluation.
   *
   * @throws EvaluationCancelled; DftError where the machine or the set-up is at fault
   */
  request(skeleton: SkeletonSource, species: Structure['species'], options: EvaluationOptions): Promise<Evaluation>
}
