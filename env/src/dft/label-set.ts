import { createHash } from 'node:crypto'
import { z } from 'zod'
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

/** The part of a label set that concerns crystals of these elements; its identity is theirs. */
export function restrictLabelSet(set: LabelSet, elements: Iterable<string>): LabelSet {
  const wanted = new Set(elements)
  const ofWanted = Object.entries(set.pseudopotentials).filter(([symbol]) => wanted.has(symbol))
  return { ...set, pseudopotentials: Object.fromEntries(ofWanted) }
}

const ry = z.number().positive()
const count = z.int().positive()

/** A label set from outside. Fields come out in the order in which `labelSetIdentity` hashes them. */
export const labelSetSchema: z.ZodType<LabelSet> = z.strictObject({
  code: z.literal('Quantum Espresso pw.x'),
  codeVersion: z.string(),
  functional: z.literal('PBE'),
  inputVersion: z.int(),
  cutoffs: z.strictObject({ ecutwfcRy: ry, ecutrhoRy: ry }),
  bands: z.discriminatedUnion('kind', [
    z.strictObject({ kind: z.literal('tight'), empty: count }),
    z.strictObject({ kind: z.literal('constant'), count }),
    z.strictObject({
      kind: z.literal('by-electrons'),
      steps: z.array(z.strictObject({ maxElectrons: count, count })),
    }),
  ]),
  kGrid: z.tuple([count, count, count]),
  occupations: z.literal('fixed'),
  convergenceThresholdRy: ry,
  mixingBeta: z.number(),
  maxScfIterations: count,
  diagonalization: z.literal('david'),
  magnetizations: z.array(z.int()),
  pseudopotentials: z.record(
    z.string(),
    z.strictObject({ file: z.string(), sha256: z.string().regex(/^[0-9a-f]{64}$/) }),
  ),
})

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
