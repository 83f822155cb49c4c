/**
 * The 88 elements an agent chooses from: those of MP-20 (H-Bi without Ar, plus Ac, Th, Pa, U, Np, Pu), ordered by
 * atomic number. An *element index* is a position in this list, 0..87; `UNFILLED` marks a site without an element.
 */
export interface Element {
  readonly atomicNumber: number
  readonly symbol: string
  /** One of the nine classes of the paper's similarity metric. */
  readonly elementClass: ElementClass
  /** Oxidation states of the SMACT 2014 list, ascending, never 0; empty where the list has none. */
  readonly oxidationStates: readonly number[]
  /** Pauling electronegativity; null where none is tabulated. */
  readonly electronegativity: number | null
  /** Whether SMACT counts it a metal (an alloy of metals alone is valid). */
  readonly isMetal: boolean
}

export type ElementClass = (typeof ELEMENT_CLASSES)[number]

export const ELEMENT_CLASSES = [
  'actinide',
  'group 1',
  'group 2',
  'halogen',
  'lanthanide',
  'noble gas',
  'nonmetal',
  'post-transition metal',
  'transition metal',
] as const

type Row = readonly [number, string, ElementClass, readonly number[], number | null, boolean]

// Facts of the SMACT project's 2014 list (electronegativity of Zr corrected from 0.33 to 1.33).
// prettier-ignore
const rows: readonly Row[] = [
  [1, 'H', 'nonmetal', [-1, 1], 2.2, false],
  [2, 'He', 'noble gas', [], null, false],
  [3, 'Li', 'group 1', [1], 0.98, true],
  [4, 'Be', 'group 2', [1, 2], 1.57, true],
  [5, 'B', 'nonmetal', [1, 2, 3], 2.04, false],
  [6, 'C', 'nonmetal', [-4, -3, -2, -1, 1, 2, 3, 4], 2.55, false],
  [7, 'N', 'nonmetal', [-3, -2, -1, 1, 2, 3, 4, 5], 3.04, false],
  [8, 'O', 'nonmetal', [-2, -1, 1, 2], 3.44, false],
  [9, 'F', 'halogen', [-1], 3.98, false],
  [10, 'Ne', 'noble gas', [], null, false],
  [11, 'Na', 'group 1', [-1, 1], 0.93, true],
  [12, 'Mg', 'group 2', [1, 2], 1.31, true],
  [13, 'Al', 'post-transition metal', [1, 2, 3], 1.61, true],
  [14, 'Si', 'nonmetal', [-4, -3, -2, -1, 1, 2, 3, 4], 1.9, false],
  [15, 'P', 'nonmetal', [-3, -2, -1, 1, 2, 3, 4, 5], 2.19, false],
  [16, 'S', 'nonmetal', [-2, -1, 1, 2, 3, 4, 5, 6], 2.58, false],
  [17, 'Cl', 'halogen', [-1, 1, 2, 3, 4, 5, 6, 7], 3.16, false],
  [19, 'K', 'group 1', [-1, 1], 0.82, true],
  [20, 'Ca', 'group 2', [1, 2], 1.0, true],
  [21, 'Sc', 'transition metal', [1, 2, 3], 1.36, true],
  [22, 'Ti', 'transition metal', [-1, 1, 2, 3, 4], 1.54, true],
  [23, 'V', 'transition metal', [-1, 1, 2, 3, 4, 5], 1.63, true],
  [24, 'Cr', 'transition metal', [-2, -1, 1, 2, 3, 4, 5, 6], 1.66, true],
  [25, 'Mn', 'transition metal', [-3, -2, -1, 1, 2, 3, 4, 5, 6, 7], 1.55, true],
  [26, 'Fe', 'transition metal', [-2, -1, 1, 2, 3, 4, 5, 6], 1.83, true],
  [27, 'Co', 'transition metal', [-1, 1, 2, 3, 4, 5], 1.88, true],
  [28, 'Ni', 'transition metal', [-1, 1, 2, 3, 4], 1.91, true],
  [29, 'Cu', 'transition metal', [1, 2, 3, 4], 1.9, true],
  [30, 'Zn', 'transition metal', [1, 2], 1.65, true],
  [31, 'Ga', 'post-transition metal', [1, 2, 3], 1.81, true],
  [32, 'Ge', 'post-transition metal', [-4, -3, -2, -1, 1, 2, 3, 4], 2.01, true],
  [33, 'As', 'nonmetal', [-3, 1, 2, 3, 5], 2.18, false],
  [34, 'Se', 'nonmetal', [-2, 1, 2, 4, 6], 2.55, false],
  [35, 'Br', 'halogen', [-1, 1, 2, 3, 4, 5, 7], 2.96, false],
  [36, 'Kr', 'noble gas', [2], null, false],
  [37, 'Rb', 'group 1', [-1, 1], 0.82, true],
  [38, 'Sr', 'group 2', [1, 2], 0.95, true],
  [39, 'Y', 'transition metal', [1, 2, 3], 1.22, true],
  [40, 'Zr', 'transition metal', [1, 2, 3, 4], 1.33, true],
  [41, 'Nb', 'transition metal', [-1, 1, 2, 3, 4, 5], 1.6, true],
  [42, 'Mo', 'transition metal', [-2, -1, 1, 2, 3, 4, 5, 6], 2.16, true],
  [43, 'Tc', 'transition metal', [-3, -1, 1, 2, 3, 4, 5, 6, 7], 2.1, true],
  [44, 'Ru', 'transition metal', [-2, 1, 2, 3, 4, 5, 6, 7, 8], 2.2, true],
  [45, 'Rh', 'transition metal', [-1, 1, 2, 3, 4, 5, 6], 2.28, true],
  [46, 'Pd', 'transition metal', [1, 2, 4, 6], 2.2, true],
  [47, 'Ag', 'transition metal', [1, 2, 3, 4], 1.93, true],
  [48, 'Cd', 'transition metal', [1, 2], 1.69, true],
  [49, 'In', 'post-transition metal', [1, 2, 3], 1.78, true],
  [50, 'Sn', 'post-transition metal', [-4, 2, 4], 1.96, true],
  [51, 'Sb', 'post-transition metal', [-3, 3, 5], 2.05, true],
  [52, 'Te', 'nonmetal', [-2, 2, 4, 5, 6], 2.1, false],
  [53, 'I', 'halogen', [-1, 1, 3, 4, 5, 7], 2.66, false],
  [54, 'Xe', 'noble gas', [1, 2, 4, 6, 8], 2.6, false],
  [55, 'Cs', 'group 1', [-1, 1], 0.79, true],
  [56, 'Ba', 'group 2', [2], 0.89, true],
  [57, 'La', 'lanthanide', [2, 3], 1.1, true],
  [58, 'Ce', 'lanthanide', [2, 3, 4], 1.12, true],
  [59, 'Pr', 'lanthanide', [2, 3, 4], 1.13, true],
  [60, 'Nd', 'lanthanide', [2, 3, 4], 1.14, true],
  [61, 'Pm', 'lanthanide', [2, 3], null, false],
  [62, 'Sm', 'lanthanide', [2, 3], 1.17, true],
  [63, 'Eu', 'lanthanide', [2, 3], null, true],
  [64, 'Gd', 'lanthanide', [1, 2, 3], 1.2, true],
  [65, 'Tb', 'lanthanide', [1, 2, 3, 4], null, true],
  [66, 'Dy', 'lanthanide', [2, 3, 4], 1.22, true],
  [67, 'Ho', 'lanthanide', [2, 3], 1.23, true],
  [68, 'Er', 'lanthanide', [2, 3], 1.24, true],
  [69, 'Tm', 'lanthanide', [2, 3], 1.25, true],
  [70, 'Yb', 'lanthanide', [2, 3], null, true],
  [71, 'Lu', 'lanthanide', [3], 1.0, true],
  [72, 'Hf', 'transition metal', [2, 3, 4], 1.3, true],
  [73, 'Ta', 'transition metal', [-1, 2, 3, 4, 5], 1.5, true],
  [74, 'W', 'transition metal', [-2, -1, 1, 2, 3, 4, 5, 6], 1.7, true],
  [75, 'Re', 'transition metal', [-3, -1, 1, 2, 3, 4, 5, 6, 7], 1.9, true],
  [76, 'Os', 'transition metal', [-2, -1, 1, 2, 3, 4, 5, 6, 7, 8], 2.2, true],
  [77, 'Ir', 'transition metal', [-2, -1, 1, 2, 3, 4, 5, 6, 7, 8], 2.2, true],
  [78, 'Pt', 'transition metal', [-2, -1, 1, 2, 3, 4, 5, 6], 2.2, true],
  [79, 'Au', 'transition metal', [-1, 1, 2, 3, 5], 2.4, true],
  [80, 'Hg', 'transition metal', [1, 2, 4], 1.9, true],
  [81, 'Tl', 'post-transition metal', [-1, 1, 3], 1.8, true],
  [82, 'Pb', 'post-transition metal', [-4, 2, 4], 1.8, true],
  [83, 'Bi', 'post-transition metal', [-3, 1, 3, 5, 7], 1.9, true],
  [89, 'Ac', 'actinide', [2, 3], 1.1, true],
  [90, 'Th', 'actinide', [2, 3, 4], 1.3, true],
  [91, 'Pa', 'actinide', [2, 3, 4, 5], 1.5, true],
  [92, 'U', 'actinide', [2, 3, 4, 5, 6], 1.7, true],
  [93, 'Np', 'actinide', [3, 4, 5, 6, 7], 1.3, true],
  [94, 'Pu', 'actinide', [3, 4, 5, 6, 7, 8], 1.3, true],
]

export const ELEMENTS: readonly Element[] = rows.map(
  ([atomicNumber, symbol, elementClass, oxidationStates, electronegativity, isMetal]) => ({
    atomicNumber,
    symbol,
    elementClass,
    oxidationStates,
    electronegativity,
    isMetal,
  }),
)

/** Number of elements, and of actions: 88. */
export const ELEMENT_COUNT = ELEMENTS.length

/** Element index of a site that is not filled yet. */
export const UNFILLED = ELEMENT_COUNT

/** Symbols in element-index order. */
export const SYMBOLS: readonly string[] = ELEMENTS.map((element) => element.symbol)

const indexBySymbol = new Map(SYMBOLS.map((symbol, index) => [symbol, index]))

/** Element index of a symbol such as `Fe`, or undefined if it is none of the 88. */
export function elementIndex(symbol: string): number | undefined {
  return indexBySymbol.get(symbol)
}
