import { compositionOf, reducedFormula } from '../crystal/composition.js'
import type { Crystal } from '../crystal/structure.js'
import { crystalRecord, parseCrystal } from '../formats/crystals-jsonl.js'
import { builtinSplit } from '../store/builtin.js'
import type { CompiledDataSet } from '../store/compile.js'
import { compileDataSet } from '../store/compile.js'
import { sha256 } from '../store/manifest.js'
import type { Candidate } from './candidates.js'
import type { DftResult } from './results.js'

/** Files of a reference set's folder beside those of every data-set folder. */
export const CRYSTALS_FILE = 'crystals.jsonl'
export const LABEL_SET_FILE = 'label-set.json'
export const FAILURES_FILE = 'failures.jsonl'

/** A candidate as a crystal without labels, as it is handed to the computation. */
export function candidateCrystal({ id, structure, spaceGroup, prototype, origin, reducedFormula }: Candidate): Crystal {
  return {
    id,
    structure,
    spaceGroup,
    labels: { totalEnergyRy: null, bandGapEv: null, formationEnergyEvPerAtom: null },
    extra: { prototype, origin, reduced_formula: reducedFormula },
  }
}

/** The lines of `crystals.jsonl`: the candidates that converged, with their labels and what the calculation was like. */
export function labelledLines(
  candidates: readonly Candidate[],
  results: ReadonlyMap<string, DftResult>,
): Record<string, unknown>[] {
  return candidates.flatMap((candidate) => {
    const result = results.get(candidate.id)
    if (result?.status !== 'converged') return []
    const { id, prototype, origin, spaceGroup, reducedFormula } = candidate
    const { lattice, frac_coords, species } = crystalRecord(candidateCrystal(candidate))
    return [
      {
        id,
        prototype,
        lattice,
        frac_coords,
        species,
        space_group: spaceGroup,
        reduced_formula: reducedFormula,
        origin,
        band_gap_ev: rounded(result.band_gap_ev, 4),
        signed_gap_ev: rounded(result.signed_gap_ev, 4),
        total_energy_ry: rounded(result.total_energy_ry, 8),
        n_electrons: result.n_electrons,
        nspin: result.spin,
        n_bands: result.n_bands,
        n_kpoints: result.n_kpoints,
        scf_iterations: result.scf_iterations,
        cpu_seconds: rounded(result.cpu_seconds, 2),
      },
    ]
  })
}

/** The lines of `failures.jsonl`: the candidates that have no labels, and why. */
export function failureLines(
  candidates: readonly Candidate[],
  results: ReadonlyMap<string, DftResult>,
): Record<string, unknown>[] {
  return candidates.flatMap(({ id, prototype, origin, reducedFormula }) => {
    const result = results.get(id)
    if (!result?.failure) return []
    const { code, message, deterministic } = result.failure
    const cpu_seconds = rounded(result.cpu_seconds, 2)
    return [{ id, prototype, reduced_formula: reducedFormula, origin, code, message, deterministic, cpu_seconds }]
  })
}

export interface ReferenceSource {
  readonly name: string
  /** The text of `crystals.jsonl`. */
  readonly crystals: string
  readonly labelSet: Readonly<Record<string, unknown>>
}

/**
 * The data set of a reference set's crystals: graphs and symmetry computed, split by reduced formula.
 *
 * @throws {CrystalError} for a line that is no crystal
 */
export async function compileReference({ name, crystals, labelSet }: ReferenceSource): Promise<CompiledDataSet> {
  const file = CRYSTALS_FILE
  const rows = crystals
    .trim()
    .split('\n')
    .map((text, k) => {
      const crystal = parseCrystal(text)
      const split = builtinSplit(reducedFormula(compositionOf(crystal.structure.species)))
      return { file, line: k + 1, split, crystal }
    })
  const splits = ['train', 'val']
  const origin = { file, bytes: Buffer.byteLength(crystals), sha256: sha256(crystals) }
  return compileDataSet(rows, [], {
    name,
    splits,
    sources: splits.map((split) => ({ split, ...origin })),
    cell: 'niggli',
    maxSites: 20,
    licence: 'MIT',
    labelSet,
  })
}

function rounded(value: number | null, digits: number): number | null {
  return value === null ? null : Number(value.toFixed(digits))
}
