import { DftError } from './errors.js'

/**
 * How many bands a calculation has. `tight`: the occupied ones and `empty` more; `constant`: always `count`;
 * `by-electrons`: the count of the first step whose `maxElectrons` is not exceeded.
 */
export type BandRule =
  | { readonly kind: 'tight'; readonly empty: number }
  | { readonly kind: 'constant'; readonly count: number }
  | { readonly kind: 'by-electrons'; readonly steps: readonly { maxElectrons: number; count: number }[] }

/** Every setting of a calculation that does not depend on the crystal. Part of the identity of a label. */
export interface Profile {
  readonly name: ProfileName
  readonly ecutwfcRy: number
  readonly ecutrhoRy: number
  readonly bands: BandRule
  /** Monkhorst-Pack divisions along the three reciprocal vectors, unshifted. */
  readonly kGrid: readonly [number, number, number]
  readonly occupations: 'fixed'
  readonly convergenceThresholdRy: number
  readonly mixingBeta: number
  readonly maxScfIterations: number
  readonly diagonalization: 'david'
}

export const PROFILE_NAMES = ['fast', 'paper-text', 'paper-runs'] as const

export type ProfileName = (typeof PROFILE_NAMES)[number]

/** What the paper and the authors' outputs agree on. */
const common = {
  ecutwfcRy: 30,
  kGrid: [3, 3, 3],
  occupations: 'fixed',
  convergenceThresholdRy: 1e-6,
  mixingBeta: 0.7,
  maxScfIterations: 1000,
  diagonalization: 'david',
} as const

/**
 * `fast`: the authors' cutoffs with no more empty bands than the gap needs (same energy to 5e-6 Ry, same gap to
 * 4 meV, a fraction of the time). `paper-text`: the settings of the paper's text. `paper-runs`: those of the authors'
 * outputs.
 */
export const PROFILES: Readonly<Record<ProfileName, Profile>> = {
  fast: { name: 'fast', ...common, ecutrhoRy: 240, bands: { kind: 'tight', empty: 8 } },
  'paper-text': { name: 'paper-text', ...common, ecutrhoRy: 245, bands: { kind: 'constant', count: 256 } },
  'paper-runs': {
    name: 'paper-runs',
    ...common,
    ecutrhoRy: 240,
    bands: {
      kind: 'by-electrons',
      steps: [
        { maxElectrons: 128, count: 64 },
        { maxElectrons: 180, count: 90 },
        { maxElectrons: Number.MAX_SAFE_INTEGER, count: 256 },
      ],
    },
  },
}

/** The profile of that name. Throws `invalid_setting` for any other name. */
export function profileByName(name: string): Profile {
  if (Object.hasOwn(PROFILES, name)) return PROFILES[name as ProfileName]
  throw new DftError('invalid_setting', `there is no DFT profile "${name}" (use ${PROFILE_NAMES.join(', ')})`)
}

/**
 * Number of bands (per spin) for `electrons` valence electrons and a total magnetisation in Bohr magnetons. The
 * `tight` rule counts from the fuller spin channel, which for 0 or 1 Bohr magnetons is ceil(electrons / 2).
 */
export function bandCount(rule: BandRule, electrons: number, totalMagnetization: number): number {
  switch (rule.kind) {
    case 'tight':
      return Math.ceil((electrons + Math.abs(totalMagnetization)) / 2) + rule.empty
    case 'constant':
      return rule.count
    case 'by-electrons':
      return rule.steps.find((step) => electrons <= step.maxElectrons)!.count
  }
}
