import { SYMBOLS } from '@unitcell/datasets'
import { z } from 'zod'
import type { BandRule, LabelSet } from '../dft/index.js'

/** How a data set says that its labels were computed (its `label-set.json`), as far as labels depend on it. */
const recordedSchema = z.object({
  /** Program and version, `Quantum Espresso pw.x 6.7`. */
  code: z.string(),
  functional: z.string(),
  ecutwfc_ry: z.number(),
  ecutrho_ry: z.number(),
  k_grid: z.array(z.number()),
  occupations: z.string(),
  conv_thr_ry: z.number(),
  mixing_beta: z.number(),
  diagonalization: z.string(),
  /** As `bandsText` writes it. */
  bands: z.string(),
  /** Tried for odd numbers of electrons, Bohr magnetons; the paper's where not stated. */
  magnetizations: z.array(z.number()).default([1]),
  pseudopotentials: z.record(z.string(), z.object({ sha256: z.string() })),
})

/**
 * The elements whose crystals have the same labels under a data set's label set as under another: those with the same
 * pseudopotentials, where all settings agree; none where one differs, or is not stated.
 *
 * @param recorded the label set in the manifest of a data set
 * @returns element indices
 */
export function commonElements(recorded: Readonly<Record<string, unknown>> | null, set: LabelSet): ReadonlySet<number> {
  const parsed = recordedSchema.safeParse(recorded)
  if (!parsed.success) return new Set()
  const { pseudopotentials, ...settings } = parsed.data
  if (JSON.stringify(settings) !== JSON.stringify(asRecorded(set))) return new Set()
  const isCommon = (symbol: string) =>
    Object.hasOwn(pseudopotentials, symbol) && pseudopotentials[symbol].sha256 === set.pseudopotentials[symbol]?.sha256
  return new Set([...SYMBOLS.keys()].filter((element) => isCommon(SYMBOLS[element])))
}

/** A label set as data sets state theirs. */
export function recordedForm(set: LabelSet): Record<string, unknown> {
  return { ...asRecorded(set), pseudopotentials: set.pseudopotentials }
}

/** Settings in the fields, and the order, of `recordedSchema`. */
function asRecorded(set: LabelSet): Omit<z.infer<typeof recordedSchema>, 'pseudopotentials'> {
  return {
    // Debian's pw.x 6.7 calls itself 6.7MaX.
    code: `${set.code} ${set.codeVersion.replace(/MaX$/, '')}`,
    functional: set.functional,
    ecutwfc_ry: set.cutoffs.ecutwfcRy,
    ecutrho_ry: set.cutoffs.ecutrhoRy,
    k_grid: [...set.kGrid],
    occupations: set.occupations,
    conv_thr_ry: set.convergenceThresholdRy,
    mixing_beta: set.mixingBeta,
    diagonalization: set.diagonalization,
    bands: bandsText(set.bands),
    magnetizations: [...set.magnetizations],
  }
}

/** A rule for the number of bands, as label sets of data sets state it. */
export function bandsText(rule: BandRule): string {
  switch (rule.kind) {
    case 'tight':
      return `ceil(n_electrons/2)+${rule.empty}`
    case 'constant':
      return String(rule.count)
    case 'by-electrons':
      return rule.steps.map(({ maxElectrons, count }) => `${count} up to ${maxElectrons} electrons`).join(', ')
  }
}
