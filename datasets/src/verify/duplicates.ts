import { compositionOf, reducedFormula } from '../crystal/composition.js'
import { cellVolume } from '../crystal/lattice.js'
import { matchSkeletons } from '../crystal/matching.js'
import type { CrystalDataSet } from '../store/data-set.js'

/** A crystal of a data set. */
export interface CrystalPlace {
  readonly split: string
  readonly row: number
  readonly id: string
}

/** Two entries that are one crystal. */
export type DuplicatePair = readonly [CrystalPlace, CrystalPlace]

interface Candidate extends CrystalPlace {
  /** angstrom^3 per cell. */
  readonly volume: number
}

/** Relative difference of volumes below which two crystals are compared in detail. */
const VOLUME_TOLERANCE = 1e-3

/**
 * Pairs of entries with the same elements on the same sites, up to the choice of cell, origin and listing; primitive
 * cells are compared as they stand (a supercell is no duplicate).
 */
export function findDuplicates(dataSet: CrystalDataSet): DuplicatePair[] {
  const pairs: DuplicatePair[] = []
  for (const candidates of byComposition(dataSet).values()) {
    candidates.sort((a, b) => a.volume - b.volume)
    for (let i = 0; i < candidates.length; i++) {
      for (let k = i + 1; k < candidates.length; k++) {
        if (candidates[k].volume > candidates[i].volume * (1 + VOLUME_TOLERANCE)) break
        if (isSame(dataSet, candidates[i], candidates[k])) pairs.push([place(candidates[i]), place(candidates[k])])
      }
    }
  }
  return pairs
}

/** Reduced formulas that several splits have, with those splits. */
export function sharedFormulas(dataSet: CrystalDataSet): Map<string, string[]> {
  const splits = new Map<string, Set<string>>()
  for (const split of dataSet.splits) {
    const shard = dataSet.split(split)
    for (let row = 0; row < shard.count; row++) {
      const formula = reducedFormula(compositionOf(shard.structure(row).species))
      splits.set(formula, (splits.get(formula) ?? new Set()).add(split))
    }
  }
  return new Map([...splits].filter(([, names]) => names.size > 1).map(([formula, names]) => [formula, [...names]]))
}

function byComposition(dataSet: CrystalDataSet): Map<string, Candidate[]> {
  const groups = new Map<string, Candidate[]>()
  for (const split of dataSet.splits) {
    const shard = dataSet.split(split)
    for (let row = 0; row < shard.count; row++) {
      const { species, lattice } = shard.structure(row)
      const key = [...species].sort((a, b) => a - b).join()
      const candidate = { split, row, id: shard.id(row), volume: cellVolume(lattice) }
      const group = groups.get(key)
      if (group) group.push(candidate)
      else groups.set(key, [candidate])
    }
  }
  return groups
}

function isSame(dataSet: CrystalDataSet, a: Candidate, b: Candidate): boolean {
  const first = dataSet.split(a.split).structure(a.row)
  const shard = dataSet.split(b.split)
  const second = shard.structure(b.row)
  const match = matchSkeletons(first, second)
  if (match === null) return false
  const filling = new Uint8Array(match.length)
  match.forEach((target, site) => (filling[target] = first.species[site]))
  // One match is found; the symmetry of the skeleton gives the others.
  return shard
    .permutations(b.row)
    .some((permutation) => filling.every((e, site) => e === second.species[permutation[site]]))
}

function place({ split, row, id }: Candidate): CrystalPlace {
  return { split, row, id }
}
