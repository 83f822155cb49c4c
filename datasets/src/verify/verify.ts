import type { CrystalDataSet } from '../store/data-set.js'
import { DataSetError } from '../store/data-set-error.js'
import { findDuplicates, sharedFormulas } from './duplicates.js'
import { energyOutliers, type LabelledComposition } from './energy-outliers.js'
import { graphFaults } from './graph-faults.js'

/** Codes: `damaged` (a file or the manifest), `graph`, `label`, `energy_outlier`, `mixed_pseudopotentials`, `duplicate`, `shared_formula`. */
export interface Finding {
  /** `error`: the data set is not sound. `warning`: it may be meant so, and its user should know. */
  readonly level: 'error' | 'warning'
  readonly code: string
  readonly split: string | null
  /** Ids of the crystals concerned. */
  readonly crystals: readonly string[]
  readonly message: string
}

export interface VerifyOptions {
  /** Called before each check with what it looks at. */
  readonly onCheck?: (what: string) => void | Promise<void>
}

/**
 * Everything that can be checked of a data set by itself: hashes, graphs, labels, duplicates. Files that cannot be read
 * end the checks that need them; whatever is found is listed, not thrown.
 */
export async function verifyDataSet(dataSet: CrystalDataSet, { onCheck }: VerifyOptions = {}): Promise<Finding[]> {
  await onCheck?.('hashes')
  const damaged = checkFiles(dataSet)
  if (damaged.length > 0) return damaged
  await onCheck?.('graphs')
  const findings = checkGraphs(dataSet)
  await onCheck?.('labels')
  findings.push(...checkLabels(dataSet), ...checkEnergies(dataSet))
  await onCheck?.('duplicates')
  findings.push(...checkDuplicates(dataSet), ...checkFormulas(dataSet))
  return findings
}

function checkFiles(dataSet: CrystalDataSet): Finding[] {
  const findings: Finding[] = []
  const attempt = (split: string | null, job: () => void) => {
    try {
      job()
    } catch (error) {
      if (!(error instanceof DataSetError)) throw error
      findings.push({ level: 'error', code: 'damaged', split, crystals: [], message: error.message })
    }
  }
  attempt(null, () => dataSet.verifyHashes())
  for (const split of dataSet.splits) attempt(split, () => dataSet.split(split))
  return findings
}

function checkGraphs(dataSet: CrystalDataSet): Finding[] {
  const findings: Finding[] = []
  for (const split of dataSet.splits) {
    const shard = dataSet.split(split)
    for (let row = 0; row < shard.count; row++) {
      const faults = graphFaults(shard, row)
      if (faults.length === 0) continue
      const more = faults.length > 3 ? ` and ${faults.length - 3} more` : ''
      const message = `${faults.slice(0, 3).join('; ')}${more}`
      findings.push({ level: 'error', code: 'graph', split, crystals: [shard.id(row)], message })
    }
  }
  return findings
}

function checkLabels(dataSet: CrystalDataSet): Finding[] {
  const findings: Finding[] = []
  for (const split of dataSet.splits) {
    const shard = dataSet.split(split)
    for (let row = 0; row < shard.count; row++) {
      const { bandGapEv, totalEnergyRy, formationEnergyEvPerAtom } = shard.labels(row)
      const faults: string[] = []
      if (bandGapEv !== null && !(bandGapEv >= 0 && bandGapEv < 30)) faults.push(`a band gap of ${bandGapEv} eV`)
      if (totalEnergyRy !== null && !(totalEnergyRy < 0)) faults.push(`a total energy of ${totalEnergyRy} Ry`)
      if (formationEnergyEvPerAtom !== null && !(Math.abs(formationEnergyEvPerAtom) < 50)) {
        faults.push(`a formation energy of ${formationEnergyEvPerAtom} eV per atom`)
      }
      if (faults.length === 0) continue
      findings.push({ level: 'warning', code: 'label', split, crystals: [shard.id(row)], message: faults.join(', ') })
    }
  }
  return findings
}

function checkEnergies(dataSet: CrystalDataSet): Finding[] {
  const rows: (LabelledComposition & { readonly id: string })[] = []
  for (const split of dataSet.splits) {
    const shard = dataSet.split(split)
    for (let row = 0; row < shard.count; row++) {
      const { totalEnergyRy } = shard.labels(row)
      if (totalEnergyRy !== null) rows.push({ species: shard.structure(row).species, totalEnergyRy, id: shard.id(row) })
    }
  }
  const { outliers, mixed } = energyOutliers(rows)
  const findings = mixed.map(({ symbol, rows: members, shiftRyPerAtom }): Finding => {
    const shift = `${shiftRyPerAtom > 0 ? '+' : ''}${shiftRyPerAtom.toFixed(2)} Ry per ${symbol} atom`
    return {
      level: 'warning',
      code: 'mixed_pseudopotentials',
      split: null,
      crystals: members.map((row) => rows[row].id),
      message: `the total energies of ${members.length} crystals are off by ${shift}: ${symbol} of another pseudopotential?`,
    }
  })
  const explained = new Set(mixed.flatMap((element) => element.rows))
  for (const { row, deviationRyPerAtom } of outliers) {
    if (explained.has(row)) continue
    const message = `the total energy is ${deviationRyPerAtom.toFixed(2)} Ry per atom off what its elements suggest`
    findings.push({ level: 'warning', code: 'energy_outlier', split: null, crystals: [rows[row].id], message })
  }
  return findings
}

function checkDuplicates(dataSet: CrystalDataSet): Finding[] {
  return findDuplicates(dataSet).map(([a, b]): Finding => {
    const isAcross = a.split !== b.split
    const where = isAcross ? `of splits ${a.split} and ${b.split}` : `of split ${a.split}`
    const message = `crystals ${a.id} and ${b.id} ${where} are one and the same`
    return { level: isAcross ? 'error' : 'warning', code: 'duplicate', split: a.split, crystals: [a.id, b.id], message }
  })
}

function checkFormulas(dataSet: CrystalDataSet): Finding[] {
  const shared = sharedFormulas(dataSet)
  if (shared.size === 0) return []
  const examples = [...shared.keys()].slice(0, 5).join(', ')
  const message = `${shared.size} reduced formulas are in more than one split (${examples}${shared.size > 5 ? ', ...' : ''})`
  return [{ level: 'warning', code: 'shared_formula', split: null, crystals: [], message }]
}
