import { BEST_TRAINING, dropoutSeed, PAPER_TRAINING, type Algorithm, type TrainingConfig } from '@unitcell/training'

/** Hyperparameters of behavioural cloning, next to those of every learner. */
export interface BehavioralCloningConfig extends TrainingConfig {
  /** Weight of the cross-entropy over the other unfilled sites. The paper has none: 0. */
  readonly auxiliary: number
}

/**
 * Behavioural cloning, the paper's supervised baseline: the policy that fills sites as the recorded crystals do.
 *
 *     pi(a | s) = softmax(f_theta(s))_a
 *     L(theta)  = -1/B sum_i log pi(a_i | s_i)  +  auxiliary * (the same over the other unfilled sites of s_i)
 *
 * f is the network of the Q-learners without p_hat in its state; its outputs are read as logits.
 */
export const behavioralCloning: Algorithm<BehavioralCloningConfig> = {
  name: 'bc',
  isConditional: false,
  presets: {
    paper: { ...PAPER_TRAINING, auxiliary: 0 },
    best: { ...BEST_TRAINING, auxiliary: 1 },
  },
  samples: () => ({}),
  objective({ auxiliary, seed }, replay, step) {
    const { batch: s, actions: a, siteElements } = replay.cloning(step)
    return { kind: 'cloning', batch: s, actions: a, auxiliary, siteElements, dropoutSeed: dropoutSeed(seed, step) }
  },
}
