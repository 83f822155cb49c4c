import { SYMBOLS } from '../crystal/elements.js'
import type { Labels } from '../crystal/structure.js'
import type { CrystalDataSet } from './data-set.js'
import type { SplitManifest } from './manifest.js'

/** What is known of a column of numbers; all null where `known` is 0. */
export interface Quantiles {
  /** Crystals that have the number. */
  readonly known: number
  readonly min: number | null
  readonly p25: number | null
  readonly median: number | null
  readonly p75: number | null
  readonly max: number | null
}

export interface SplitSummary extends Pick<
  SplitManifest,
  'crystals' | 'sites' | 'edges' | 'transitions' | 'disconnected'
> {
  readonly band_gap_ev: Quantiles
  readonly total_energy_ry: Quantiles
  readonly formation_energy_ev_per_atom: Quantiles
}

/** Facts of a data set, as `unitcell-data info --json` prints them. */
export interface DataSetSummary extends SplitSummary {
  readonly name: string
  readonly hash: string
  readonly licence: string | null
  readonly options: { readonly cell: string; readonly max_sites: number }
  readonly sources: readonly { readonly split: string; readonly file: string; readonly sha256: string }[]
  readonly splits: Readonly<Record<string, SplitSummary>>
  /** Element -> number of crystals that have it, by atomic number. */
  readonly elements: Readonly<Record<string, number>>
  readonly rejected: { readonly rows: number; readonly by_code: Readonly<Record<string, number>> }
  readonly label_set: Readonly<Record<string, unknown>> | null
  readonly label_set_sha256: string | null
}

const labelNames = {
  band_gap_ev: 'bandGapEv',
  total_energy_ry: 'totalEnergyRy',
  formation_energy_ev_per_atom: 'formationEnergyEvPerAtom',
} as const satisfies Record<string, keyof Labels>

/** Reads every split of the data set. Throws as `CrystalDataSet.split`. */
export function summarize(dataSet: CrystalDataSet): DataSetSummary {
  const { manifest } = dataSet
  const { name, hash, licence, options, sources, rejected, label_set, label_set_sha256 } = manifest
  const splits = Object.fromEntries(dataSet.splits.map((split) => [split, summarizeSplits(dataSet, [split])]))
  return {
    name,
    hash,
    licence,
    options,
    sources,
    ...summarizeSplits(dataSet, dataSet.splits),
    splits,
    elements: elementCounts(dataSet),
    rejected: { rows: rejected.rows, by_code: rejected.by_code },
    label_set_sha256,
    label_set,
  }
}

function summarizeSplits(dataSet: CrystalDataSet, splits: readonly string[]): SplitSummary {
  const total = (key: 'crystals' | 'sites' | 'edges' | 'transitions' | 'disconnected') =>
    splits.reduce((sum, split) => sum + dataSet.manifest.splits[split][key], 0)
  const labels = splits.flatMap((name) => {
    const split = dataSet.split(name)
    return Array.from({ length: split.count }, (_, i) => split.labels(i))
  })
  const column = (key: keyof Labels) => quantiles(labels.map((row) => row[key]).filter((value) => value !== null))
  return {
    crystals: total('crystals'),
    sites: total('sites'),
    edges: total('edges'),
    transitions: total('transitions'),
    disconnected: total('disconnected'),
    band_gap_ev: column(labelNames.band_gap_ev),
    total_energy_ry: column(labelNames.total_energy_ry),
    formation_energy_ev_per_atom: column(labelNames.formation_energy_ev_per_atom),
  }
}

function elementCounts(dataSet: CrystalDataSet): Record<string, number> {
  const crystals = new Uint32Array(SYMBOLS.length)
  for (const name of dataSet.splits) {
    const split = dataSet.split(name)
    for (let i = 0; i < split.count; i++) for (const element of new Set(split.structure(i).species)) crystals[element]++
  }
  return Object.fromEntries(SYMBOLS.map((symbol, k) => [symbol, crystals[k]] as const).filter(([, n]) => n > 0))
}

/** Quantiles by linear interpolation between the nearest ranks (type 7, as NumPy's default). */
export function quantiles(values: readonly number[]): Quantiles {
  const sorted = Float64Array.from(values).sort()
  const at = (fraction: number) => {
    if (sorted.length === 0) return null
    const rank = fraction * (sorted.length - 1)
    const low = sorted[Math.floor(rank)]
    return low + (rank % 1) * (sorted[Math.ceil(rank)] - low)
  }
  return { known: sorted.length, min: at(0), p25: at(0.25), median: at(0.5), p75: at(0.75), max: at(1) }
}
