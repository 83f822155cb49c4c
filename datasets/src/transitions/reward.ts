import type { Labels } from '../crystal/structure.js'

/** Parameters of the terminal reward. */
export interface RewardParameters {
  /** Weight of the energy term. */
  readonly alpha1: number
  /** Weight of the band-gap term. */
  readonly alpha2: number
  /** Width of the band-gap term, eV^2. */
  readonly beta: number
  /** Target band gap, eV; null: no band-gap term. */
  readonly target: number | null
  /** Total energy of the cell (Ry), or formation energy per atom (eV). */
  readonly energy: 'total' | 'formation'
  /** Reward of a crystal that lacks a label the other parameters need. */
  readonly failure: number
}

/** The paper's unconditional reward is this with alpha2 = 0. */
export const DEFAULT_REWARD: RewardParameters = {
  alpha1: 1,
  alpha2: 5,
  beta: 3,
  target: null,
  energy: 'total',
  failure: -1,
}

/** Why a crystal has no reward of its own. */
export interface RewardFailure {
  /** Stable name, e.g. `unlabelled`. */
  readonly class: string
  readonly message: string
}

export type Reward =
  { readonly value: number; readonly failure: null } | { readonly value: number; readonly failure: RewardFailure }

function failed(parameters: RewardParameters, failureClass: string, message: string): Reward {
  return { value: parameters.failure, failure: { class: failureClass, message } }
}

/**
 * Terminal reward, Eq. (7) of the paper: alpha1 log10(-E) + alpha2 exp(-(p - target)^2 / beta).
 *
 * E is the total energy of the cell in Ry; with `energy: 'formation'` it is the formation energy per atom in eV, and the
 * first factor, as in the authors' later code, is log10(-E_f) where E_f < 0, else E_f. p is the band gap in eV. Without
 * a target the second term is 0. A label that is missing, or a total energy that is not negative, is a failure with the
 * failure reward, never a silent zero.
 */
export function terminalReward(labels: Labels, parameters: RewardParameters): Reward {
  let value = 0
  if (parameters.alpha1 !== 0) {
    const energy = parameters.energy === 'total' ? labels.totalEnergyRy : labels.formationEnergyEvPerAtom
    if (energy === null)
      return failed(parameters, 'unlabelled', `no ${parameters.energy} energy is recorded for this crystal`)
    if (energy < 0) value += parameters.alpha1 * Math.log10(-energy)
    else if (parameters.energy === 'formation') value += parameters.alpha1 * energy
    else return failed(parameters, 'energy_not_negative', `log10(-E) of a total energy of ${energy} Ry is not defined`)
  }
  if (parameters.alpha2 !== 0 && parameters.target !== null) {
    const gap = labels.bandGapEv
    if (gap === null) return failed(parameters, 'unlabelled', 'no band gap is recorded for this crystal')
    value += parameters.alpha2 * Math.exp(-((gap - parameters.target) ** 2) / parameters.beta)
  }
  return { value, failure: null }
}
