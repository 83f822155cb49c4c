import type { Labels } from '@unitcell/datasets'
import type { RewardOptions } from '@unitcell/protocol'

/** Why a crystal has no reward of its own. */
export interface Failure {
  /** Stable name, e.g. `unlabelled`. */
  readonly class: string
  readonly message: string
}

export type Reward =
  { readonly value: number; readonly failure: null } | { readonly value: number; readonly failure: Failure }

function failed(options: RewardOptions, failureClass: string, message: string): Reward {
  return { value: options.failure, failure: { class: failureClass, message } }
}

/**
 * Terminal reward, Eq. (7) of the paper: alpha1 log10(-E) + alpha2 exp(-(p - target)^2 / beta).
 *
 * E is the total energy of the cell in Ry; with `energy: 'formation'` it is the formation energy per atom in eV, and the
 * first factor, as in the authors' later code, is log10(-E_f) where E_f < 0, else E_f. p is the band gap in eV. Without a target the second term is 0. A label that is missing, or a total energy that is not
 * negative, is a failure with the failure reward, never a silent zero.
 */
export function terminalReward(labels: Labels, options: RewardOptions): Reward {
  let value = 0
  if (options.alpha1 !== 0) {
    const energy = options.energy === 'total' ? labels.totalEnergyRy : labels.formationEnergyEvPerAtom
    if (energy === null)
      return failed(options, 'unlabelled', `no ${options.energy} energy is recorded for this crystal`)
    if (energy < 0) value += options.alpha1 * Math.log10(-energy)
    else if (options.energy === 'formation') value += options.alpha1 * energy
    else return failed(options, 'energy_not_negative', `log10(-E) of a total energy of ${energy} Ry is not defined`)
  }
  if (options.alpha2 !== 0 && options.target !== null) {
    const gap = labels.bandGapEv
    if (gap === null) return failed(options, 'unlabelled', 'no band gap is recorded for this crystal')
    value += options.alpha2 * Math.exp(-((gap - options.target) ** 2) / options.beta)
  }
  return { value, failure: null }
}
