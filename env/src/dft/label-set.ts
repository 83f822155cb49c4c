import { createHash } from 'node:crypto'
import type { BandRule, Profile } from './profile.js'
import type { Cutoffs, PseudopotentialSet } from './pseudopotentials.js'

/** Raised when the same settings begin to give other labels, so that cached ones are not mixed with new ones. */
const inputVersion = 1

/** Everything a label depends on beside the crystal. Labels of different sets are never compared. */
export interface LabelSet {
  readonly code: 'Quantum Espresso pw.x'
  readonly codeVersion: string
  readonly functional: 'PBE'
  readonly inputVersion: number
  readonly cutoffs: Cutoffs
  readonly bands: BandRule
  readonly kGrid: Profile['kGrid']
  readonly occupations: Profile['occupations']
  readonly convergenceThresholdRy: number
  readonly mixingBeta: number
  readonly maxScfIterations: number
  readonly diagonalization: Profile['diagonalization']
  /** Total magnetisations tried for an odd number of electrons, Bohr magnetons. */
  readonly magnetizations: readonly number[]
  /** Element -> file and SHA-256 of the unpacked file. */
  readonly pseudopotentials: Readonly<Record<string, { readonly file: string; readonly sha256: string }>>
}

/** The label set of a profile, a set of pseudopotentials and a version of pw.x. The profile's name plays no part. */
export function labelSet(
  profile: Profile,
  pseudopotentials: PseudopotentialSet,
  codeVersion: string,
  magnetizations: readonly number[],
): LabelSet {
  const { ecutwfcRy, ecutrhoRy } = profile
  return {
    code: 'Quantum Espresso pw.x',
    codeVersion,
    functional: 'PBE',
    inputVersion,
    cutoffs: pseudopotentials.cutoffs ?? { ecutwfcRy, ecutrhoRy },
    bands: profile.bands,
    kGrid: profile.kGrid,
    occupations: profile.occupations,
    convergenceThresholdRy: profile.convergenceThresholdRy,
    mixingBeta: profile.mixingBeta,
    maxScfIterations: profile.maxScfIterations,
    diagonalization: profile.diagonalization,
    magnetizations,
    pseudopotentials: Object.fromEntries(
      pseudopotentials.elements.map((symbol) => {
        const { file, sha256 } = pseudopotentials.get(symbol)
        return [symbol, { file, sha256 }]
      }),
    ),
  }
}

/**
 * SHA-256, hexadecimal, of a label set; of the part that concerns crystals of these elements where they are given, so
 * that a cached label outlives a change to another element's pseudopotential. Names of files play no part.
 */
export function labelSetIdentity(set: LabelSet, elements?: Iterable<string>): string {
  const { pseudopotentials, ...settings } = set
  const symbols = [...(elements ?? Object.keys(pseudopotentials))].sort()
  const hashes = symbols.map((symbol) => [symbol, pseudopotentials[symbol]?.sha256 ?? null])
  return createHash('sha256')
    .update(JSON.stringify({ ...settings, hashes }))
    .digest('hex')
}
