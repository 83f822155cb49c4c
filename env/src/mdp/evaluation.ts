import type { Labels, Structure } from '@unitcell/datasets'
import type { Failure } from './reward.js'
import type { SourceCrystal } from './prepared-crystal.js'

/** What is known of a filled crystal. */
export type Evaluation =
  | { readonly status: 'evaluated'; readonly source: string; readonly labels: Labels }
  | { readonly status: 'failed'; readonly source: string | null; readonly failure: Failure }

/** Tells energy and gap of filled crystals. */
export interface Evaluator {
  /**
   * @param skeleton the crystal whose skeleton was filled
   * @param species the filling, in the site order of `skeleton`
   */
  evaluate(skeleton: SourceCrystal, species: Structure['species']): Evaluation
}
