import { BEST_CQL, cql, PAPER_CQL, type CqlConfig } from '@unitcell/cql'
import type { Algorithm } from '@unitcell/training'

/** Hyperparameters of conditional CQL, next to those of CQL. */
export interface ConditionalCqlConfig extends CqlConfig {
  /** Weight of the band-gap term of the reward, Eq. (7). Paper: 5 and 10. */
  readonly alpha2: number
  /** Width of the band-gap term, eV^2. Paper: 1 and 3. */
  readonly beta: number
  /**
   * Target band gaps p_hat, eV; `true` is that of the crystal at hand. One is drawn for every sample, so one network
   * serves them all. Paper: one of 1.12, 2, 3, 4, a network for each.
   */
  readonly targets: readonly (number | 'true')[]
}

/**
 * Conditional CQL, the paper's own agent: Algorithm 1 with p_hat in the state, and
 *
 *     r = alpha1 log10(-E_tot) + alpha2 exp(-(p - p_hat)^2 / beta)
 *
 * All else is unconditional CQL (`@unitcell/cql`), which has the loss. Policy: argmax_a Q(s, a; p_hat).
 */
export const conditionalCql: Algorithm<ConditionalCqlConfig> = {
  name: 'conditional-cql',
  isConditional: true,
  presets: {
    paper: { ...PAPER_CQL, alpha2: 5, beta: 3, targets: [1.12] },
    best: { ...BEST_CQL, alpha2: 5, beta: 3, targets: ['true', 'true', 'true', 1.12, 2, 3, 4] },
  },
  samples: ({ alpha1, alpha2, beta, energy, targets }) => ({ reward: { alpha1, alpha2, beta, energy }, targets }),
  objective: cql.objective,
}
