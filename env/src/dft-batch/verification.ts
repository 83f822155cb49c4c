import type { Crystal } from '@unitcell/datasets'
import type { DftRecord } from './record.js'

/** How far a computed value may be from the label. */
export interface Tolerances {
  readonly energyRy: number
  readonly gapEv: number
}

/** A label beside what was computed anew. */
export interface Comparison {
  readonly id: string
  readonly formula: string | null
  readonly sites: number
  readonly spin: number | null
  readonly label_energy_ry: number
  readonly label_gap_ev: number
  readonly total_energy_ry: number | null
  readonly band_gap_ev: number | null
  /** Computed less label. */
  readonly energy_difference_ry: number | null
  readonly gap_difference_ev: number | null
  readonly agrees: boolean
  readonly cpu_seconds: number
  readonly failure: string | null
}

export interface VerificationSummary {
  readonly compared: number
  readonly agreeing: number
  /** Of those that converged; null where none did. */
  readonly largest_energy_difference_ry: number | null
  readonly largest_gap_difference_ev: number | null
  readonly cpu_seconds: number
}

/** Why a labelled crystal is not compared, or null. */
export function reasonToLeaveOut(
  { structure, labels, extra }: Crystal,
  count: { readonly maxSites: number; readonly excluded: ReadonlySet<string> },
  symbols: readonly string[],
  electrons: number | null,
): string | null {
  if (structure.species.length > count.maxSites) return `more than ${count.maxSites} sites`
  if (labels.totalEnergyRy === null || labels.bandGapEv === null) return 'no label'
  const excluded = symbols.filter((symbol) => count.excluded.has(symbol))
  if (excluded.length > 0) return `${excluded.join(', ')} excluded`
  if (electrons === null) return 'no pseudopotential'
  const stated = extra['n_electrons']
  // Such a label comes from other pseudopotentials, whose energies cannot be compared with these.
  if (typeof stated === 'number' && stated !== electrons) return 'label of another number of valence electrons'
  return null
}

export function compare({ id, structure, labels }: Crystal, record: DftRecord, limits: Tolerances): Comparison {
  const energy = record.total_energy_ry
  const gap = record.band_gap_ev
  const labelEnergy = labels.totalEnergyRy!
  const labelGap = labels.bandGapEv!
  const energyDifference = energy === null ? null : energy - labelEnergy
  const gapDifference = gap === null ? null : gap - labelGap
  return {
    id,
    formula: record.formula,
    sites: structure.species.length,
    spin: record.spin,
    label_energy_ry: labelEnergy,
    label_gap_ev: labelGap,
    total_energy_ry: energy,
    band_gap_ev: gap,
    energy_difference_ry: energyDifference,
    gap_difference_ev: gapDifference,
    agrees: isWithin(energyDifference, limits.energyRy) && isWithin(gapDifference, limits.gapEv),
    cpu_seconds: record.cpu_seconds,
    failure: record.failure?.code ?? null,
  }
}

export function summarize(comparisons: readonly Comparison[]): VerificationSummary {
  return {
    compared: comparisons.length,
    agreeing: comparisons.filter(({ agrees }) => agrees).length,
    largest_energy_difference_ry: largest(comparisons.map((row) => row.energy_difference_ry)),
    largest_gap_difference_ev: largest(comparisons.map((row) => row.gap_difference_ev)),
    cpu_seconds: comparisons.reduce((sum, row) => sum + row.cpu_seconds, 0),
  }
}

function isWithin(difference: number | null, limit: number): boolean {
  return difference !== null && Math.abs(difference) <= limit
}

function largest(differences: readonly (number | null)[]): number | null {
  const known = differences.filter((difference) => difference !== null)
  return known.length === 0 ? null : Math.max(...known.map(Math.abs))
}
