import { BEST_TRAINING, dropoutSeed, PAPER_TRAINING, type Algorithm, type TrainingConfig } from '@unitcell/training'

/** Hyperparameters of conservative Q-learning, next to those of every learner. */
export interface CqlConfig extends TrainingConfig {
  /** Weight of the conservative term. Paper: 1 and 5. */
  readonly omega: number
  /** Discount. Paper: 0.99. */
  readonly gamma: number
  /** Weight of the energy term of the reward, Eq. (7). */
  readonly alpha1: number
  /** log10(-E) of the total energy of the cell (Ry, the paper), or of the formation energy per atom (eV, the authors' later code). */
  readonly energy: 'total' | 'formation'
  /** Weight of the auxiliary cross-entropy over the other unfilled sites. The paper has none: 0. */
  readonly auxiliary: number
}

export const PAPER_CQL: CqlConfig = {
  ...PAPER_TRAINING,
  omega: 5,
  gamma: 0.99,
  alpha1: 1,
  energy: 'total',
  auxiliary: 0,
}

export const BEST_CQL: CqlConfig = { ...PAPER_CQL, ...BEST_TRAINING, auxiliary: 5 }

/**
 * Unconditional conservative Q-learning (CQL): Algorithm 1 of the paper without p_hat, and with
 * r = alpha1 log10(-E_tot).
 *
 *     y         = r                                    where s' is terminal
 *               = r + gamma max_a' Q_target(s', a')    elsewhere
 *     L(theta)  = omega / B sum_i [logsumexp_a Q(s_i, a) - Q(s_i, a_i)] + 1 / 2B sum_i [Q(s_i, a_i) - y_i]^2
 *     theta    <- Adam step on L, gradient norm clipped
 *     target   <- tau theta + (1 - tau) target
 *
 * The loss and both updates are one call of the network's engine (`QNetwork.step`).
 */
export const cql: Algorithm<CqlConfig> = {
  name: 'cql',
  isConditional: false,
  presets: { paper: PAPER_CQL, best: BEST_CQL },
  samples: ({ alpha1, energy }) => ({ reward: { alpha1, alpha2: 0, energy } }),
  objective({ omega, gamma, auxiliary, seed }, replay, step) {
    const { batch: s, actions: a, rewards: r, terminal, next, siteElements } = replay.cql(step, { gamma, omega })
    return {
      kind: 'cql',
      batch: s,
      actions: a,
      rewards: r,
      terminal,
      next,
      gamma,
      omega,
      auxiliary,
      siteElements,
      dropoutSeed: dropoutSeed(seed, step),
    }
  },
}
