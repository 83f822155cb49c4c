/**
 * Conventions, kept everywhere: lattice vectors are rows, in angstrom; positions are fractional coordinates
 * (cartesian = frac . lattice); angles are degrees; elements are element indices (see elements.ts).
 */

/** 3x3 row-major matrix, rows are the cell vectors a, b, c in angstrom; 9 numbers. */
export type Lattice = Float64Array

/** A crystal without its elements. */
export interface Skeleton {
  readonly lattice: Lattice
  /** N x 3, row-major. */
  readonly fracCoords: Float64Array
}

/** A skeleton with an element on every site. */
export interface Structure extends Skeleton {
  /** N element indices, 0..87. */
  readonly species: Uint8Array
}

/** What a calculation says of a crystal. `null`: not known. */
export interface Labels {
  /** Total energy of the cell, Ry; comparable only within one set of pseudopotentials. */
  readonly totalEnergyRy: number | null
  /** Band gap, eV, never negative. */
  readonly bandGapEv: number | null
  readonly formationEnergyEvPerAtom: number | null
}

/** One line of Crystals JSONL. */
export interface Crystal {
  readonly id: string
  readonly structure: Structure
  /** International space group number, 1..230, as the source states it; null where it does not. */
  readonly spaceGroup: number | null
  readonly labels: Labels
  /** Every other field of the source, kept as it is. */
  readonly extra: Readonly<Record<string, unknown>>
}

/** Number of sites of a skeleton. */
export function siteCount(skeleton: Skeleton): number {
  return skeleton.fracCoords.length / 3
}
