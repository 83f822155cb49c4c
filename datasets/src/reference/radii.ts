/**
 * Radii in angstrom, from which the lattices of hypothetical crystals are estimated. An estimate that is off by a few
 * percent strains the crystal; it takes nothing from the truth of its computed labels.
 */

/** An ion's radius by coordination number. */
type RadiiByCoordination = Readonly<Record<number, number>>

/**
 * Effective ionic radii (R. D. Shannon, Acta Crystallogr. A 32, 751 (1976)), keyed by element and charge. Entries that
 * Shannon does not list are marked.
 */
const IONIC_RADII: Readonly<Record<string, RadiiByCoordination>> = {
  'Li+1': { 4: 0.59, 6: 0.76, 8: 0.92 },
  'Na+1': { 4: 0.99, 6: 1.02, 8: 1.18, 12: 1.39 },
  'K+1': { 4: 1.37, 6: 1.38, 8: 1.51, 12: 1.64 },
  'Rb+1': { 6: 1.52, 8: 1.61, 12: 1.72 },
  'Cs+1': { 6: 1.67, 8: 1.74, 12: 1.88 },
  'Cu+1': { 2: 0.46, 4: 0.6, 6: 0.77 },
  'Ag+1': { 2: 0.67, 4: 1.0, 6: 1.15, 8: 1.28 },
  'Au+1': { 6: 1.37 },
  'Tl+1': { 6: 1.5, 8: 1.59, 12: 1.7 },
  'Be+2': { 3: 0.16, 4: 0.27, 6: 0.45 },
  'Mg+2': { 4: 0.57, 6: 0.72, 8: 0.89 },
  'Ca+2': { 6: 1.0, 8: 1.12, 12: 1.34 },
  'Sr+2': { 6: 1.18, 8: 1.26, 12: 1.44 },
  'Ba+2': { 6: 1.35, 8: 1.42, 12: 1.61 },
  'Zn+2': { 4: 0.6, 6: 0.74, 8: 0.9 },
  'Cd+2': { 4: 0.78, 6: 0.95, 8: 1.1, 12: 1.31 },
  'Hg+2': { 4: 0.96, 6: 1.02, 8: 1.14 },
  'Pb+2': { 6: 1.19, 8: 1.29, 12: 1.49 },
  // From the lattice constants of CsSnI3 and SnTe.
  'Sn+2': { 6: 1.12, 8: 1.22 },
  'Ge+2': { 6: 0.73 },
  'B+3': { 4: 0.11, 6: 0.27 },
  'Al+3': { 4: 0.39, 6: 0.535 },
  'Ga+3': { 4: 0.47, 6: 0.62 },
  'In+3': { 4: 0.62, 6: 0.8, 8: 0.92 },
  'Tl+3': { 4: 0.75, 6: 0.885, 8: 0.98 },
  'Sc+3': { 6: 0.745, 8: 0.87 },
  'Y+3': { 6: 0.9, 8: 1.019 },
  'La+3': { 6: 1.032, 8: 1.16, 12: 1.36 },
  'Sb+3': { 6: 0.76 },
  'Bi+3': { 6: 1.03, 8: 1.17 },
  'Si+4': { 4: 0.26, 6: 0.4 },
  'Ge+4': { 4: 0.39, 6: 0.53 },
  'Sn+4': { 4: 0.55, 6: 0.69, 8: 0.81 },
  'Pb+4': { 4: 0.65, 6: 0.775, 8: 0.94 },
  'Ti+4': { 4: 0.42, 6: 0.605, 8: 0.74 },
  'Zr+4': { 4: 0.59, 6: 0.72, 8: 0.84 },
  'Hf+4': { 4: 0.58, 6: 0.71, 8: 0.83 },
  'Ce+4': { 6: 0.87, 8: 0.97 },
  'Pt+4': { 6: 0.625 },
  'V+5': { 4: 0.355, 6: 0.54 },
  'Nb+5': { 4: 0.48, 6: 0.64, 8: 0.74 },
  'Ta+5': { 6: 0.64, 8: 0.74 },
  'Sb+5': { 6: 0.6 },
  'I+5': { 6: 0.95 },
  'W+6': { 4: 0.42, 6: 0.6 },
  'Mo+6': { 4: 0.41, 6: 0.59 },
  // Hydride: from the rock-salt lattice constants of LiH to KH.
  'H-1': { 6: 1.35 },
  'F-1': { 2: 1.285, 4: 1.31, 6: 1.33 },
  'Cl-1': { 6: 1.81 },
  'Br-1': { 6: 1.96 },
  'I-1': { 6: 2.2 },
  'O-2': { 2: 1.35, 4: 1.38, 6: 1.4, 8: 1.42 },
  'S-2': { 6: 1.84 },
  'Se-2': { 6: 1.98 },
  'Te-2': { 6: 2.21 },
  // Pnictides: from the rock-salt lattice constants of the compounds of Sc and Y (N near Shannon's 1.46 for four).
  'N-3': { 6: 1.52 },
  'P-3': { 6: 1.92 },
  'As-3': { 6: 2.0 },
  'Sb-3': { 6: 2.18 },
  'Bi-3': { 6: 2.23 },
  // Tetrelides: from the antifluorite lattice constants of the compounds of Be and Mg.
  'C-4': { 8: 1.61 },
  'Si-4': { 8: 2.17 },
  'Ge-4': { 8: 2.195 },
  'Sn-4': { 8: 2.36 },
  'Pb-4': { 8: 2.39 },
}

/** Tetrahedral covalent radii (L. Pauling, The Nature of the Chemical Bond, 3rd edition, table 7-13). */
const TETRAHEDRAL_RADII: Readonly<Record<string, number>> = {
  Be: 1.06,
  B: 0.88,
  C: 0.77,
  N: 0.7,
  O: 0.66,
  F: 0.64,
  Mg: 1.4,
  Al: 1.26,
  Si: 1.17,
  P: 1.1,
  S: 1.04,
  Cl: 0.99,
  Cu: 1.35,
  Zn: 1.31,
  Ga: 1.26,
  Ge: 1.22,
  As: 1.18,
  Se: 1.14,
  Br: 1.11,
  Ag: 1.52,
  Cd: 1.48,
  In: 1.44,
  Sn: 1.4,
  Sb: 1.36,
  Te: 1.32,
  I: 1.28,
  Hg: 1.48,
}

/** An element in an oxidation state. */
export interface Ion {
  readonly element: string
  readonly charge: number
}

/**
 * The ionic radius of an ion at the listed coordination number that is nearest to the one asked for (the lower of two).
 *
 * @throws RangeError for an ion without radius
 */
export function ionicRadius({ element, charge }: Ion, coordination: number): number {
  const key = `${element}${charge > 0 ? '+' : ''}${charge}`
  const radii = IONIC_RADII[key]
  if (!radii) throw new RangeError(`no ionic radius of ${key}`)
  const numbers = Object.keys(radii).map(Number)
  const nearest = numbers.reduce((best, n) => (Math.abs(n - coordination) < Math.abs(best - coordination) ? n : best))
  return radii[nearest]
}

/** Whether the ion's radius is listed for that coordination number. */
export function hasIonicRadius({ element, charge }: Ion, coordination: number): boolean {
  return IONIC_RADII[`${element}${charge > 0 ? '+' : ''}${charge}`]?.[coordination] !== undefined
}

/** The tetrahedral covalent radius of an element. Throws RangeError for an element without one. */
export function tetrahedralRadius(element: string): number {
  const radius = TETRAHEDRAL_RADII[element]
  if (radius === undefined) throw new RangeError(`no tetrahedral radius of ${element}`)
  return radius
}
