import type { Structure } from '@unitcell/datasets'
import { cacheRecord, type CacheRecord, type DftResult, type LabelSet, labelSetIdentity } from '@unitcell/env'

/** Settings such as a runner has; the hashes are those of no file. */
export function someLabelSet(changes: Partial<LabelSet> = {}): LabelSet {
  const pseudopotential = (digit: string) => ({ file: `${digit}.UPF`, sha256: digit.repeat(64) })
  return {
    code: 'Quantum Espresso pw.x',
    codeVersion: '6.7MaX',
    functional: 'PBE',
    inputVersion: 1,
    cutoffs: { ecutwfcRy: 30, ecutrhoRy: 240 },
    bands: { kind: 'tight', empty: 8 },
    kGrid: [3, 3, 3],
    occupations: 'fixed',
    convergenceThresholdRy: 1e-6,
    mixingBeta: 0.7,
    maxScfIterations: 1000,
    diagonalization: 'david',
    magnetizations: [1],
    pseudopotentials: { Na: pseudopotential('a'), Cl: pseudopotential('b'), K: pseudopotential('c') },
    ...changes,
  }
}

/** A record as a calculation under that label set makes it. */
export function someRecord(structure: Structure, energyRy: number, set: LabelSet, elements: string[]): CacheRecord {
  const result: DftResult = {
    status: 'converged',
    totalEnergyRy: energyRy,
    bandGapEv: 5,
    signedGapEv: 5,
    electrons: 8,
    nspin: 1,
    totalMagnetization: 0,
    bands: 12,
    kPoints: 4,
    scfIterations: 9,
    cpuSeconds: 1.5,
    wallSeconds: 2,
    pwVersion: set.codeVersion,
    labelSet: labelSetIdentity(set, elements),
  }
  return cacheRecord(structure, result)
}
