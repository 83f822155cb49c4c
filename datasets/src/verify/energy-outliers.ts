import { ELEMENT_COUNT, SYMBOLS } from '../crystal/elements.js'

/** A total energy that no composition like it has. */
export interface EnergyOutlier {
  /** Place in the list given. */
  readonly row: number
  /** Total energy minus that of the fit, Ry per atom. */
  readonly deviationRyPerAtom: number
}

/** Outliers that one element explains: its energies come from different pseudopotentials. */
export interface MixedElement {
  readonly symbol: string
  /** Places in the list given. */
  readonly rows: readonly number[]
  /** Median deviation per atom of the element, Ry. */
  readonly shiftRyPerAtom: number
}

export interface EnergySanity {
  readonly outliers: readonly EnergyOutlier[]
  readonly mixed: readonly MixedElement[]
}

/** A cell and its total energy. */
export interface LabelledComposition {
  readonly species: ArrayLike<number>
  readonly totalEnergyRy: number
}

/**
 * What an energy may differ from the sum of its elements' energies. Compounds bind by up to 0.6 Ry per atom; another
 * choice of valence electrons changes an element's energy by tens to hundreds of Ry.
 */
const LIMIT_RY_PER_ATOM = 1
const ITERATIONS = 40
/** Deviations below this weigh alike, Ry per atom: the spread of binding energies. */
const SPREAD_RY_PER_ATOM = 0.1
/** Share of an element's outliers that must agree on the shift per atom, and how closely. */
const SHIFT_TOLERANCE = 0.1

/**
 * Finds energies that come from other pseudopotentials than the rest: fits total energy per atom as a mean of one energy
 * per element, by least absolute deviations (so that a minority does not drag the fit), and looks at what is far off.
 */
export function energyOutliers(rows: readonly LabelledComposition[]): EnergySanity {
  const fractions = rows.map(({ species }) => fractionsOf(species))
  const energies = rows.map(({ species, totalEnergyRy }) => totalEnergyRy / species.length)
  const fit = fitElements(fractions, energies)
  const outliers: EnergyOutlier[] = []
  fractions.forEach((row, i) => {
    const deviation = energies[i] - predict(row, fit)
    if (Math.abs(deviation) > LIMIT_RY_PER_ATOM) outliers.push({ row: i, deviationRyPerAtom: deviation })
  })
  return { outliers, mixed: explain(outliers, fractions) }
}

/** Element index and its share, for each element of a composition. */
type Fractions = readonly (readonly [element: number, share: number])[]

function fractionsOf(species: ArrayLike<number>): Fractions {
  const counts = new Map<number, number>()
  for (let site = 0; site < species.length; site++) counts.set(species[site], (counts.get(species[site]) ?? 0) + 1)
  return [...counts].map(([element, count]) => [element, count / species.length])
}

function predict(row: Fractions, fit: Float64Array): number {
  return row.reduce((sum, [element, share]) => sum + share * fit[element], 0)
}

/** Least absolute deviations by iteratively reweighted least squares. */
function fitElements(rows: readonly Fractions[], energies: readonly number[]): Float64Array {
  const weights = new Float64Array(rows.length).fill(1)
  let fit: Float64Array = new Float64Array(ELEMENT_COUNT)
  for (let iteration = 0; iteration < ITERATIONS; iteration++) {
    fit = leastSquares(rows, energies, weights)
    rows.forEach((row, i) => {
      weights[i] = 1 / Math.max(Math.abs(energies[i] - predict(row, fit)), SPREAD_RY_PER_ATOM)
    })
  }
  return fit
}

function leastSquares(rows: readonly Fractions[], energies: readonly number[], weights: Float64Array): Float64Array {
  const n = ELEMENT_COUNT
  const matrix = new Float64Array(n * n)
  const right = new Float64Array(n)
  rows.forEach((row, i) => {
    for (const [a, shareA] of row) {
      right[a] += weights[i] * shareA * energies[i]
      for (const [b, shareB] of row) matrix[a * n + b] += weights[i] * shareA * shareB
    }
  })
  // Elements that always come together cannot be told apart: a touch of ridge decides.
  for (let a = 0; a < n; a++) matrix[a * n + a] += 1e-9
  return solve(matrix, right)
}

/** Solves a symmetric positive definite system by Cholesky's method; both arguments are overwritten. */
function solve(matrix: Float64Array, right: Float64Array): Float64Array {
  const n = right.length
  for (let j = 0; j < n; j++) {
    for (let i = j; i < n; i++) {
      let sum = matrix[i * n + j]
      for (let k = 0; k < j; k++) sum -= matrix[i * n + k] * matrix[j * n + k]
      matrix[i * n + j] = i === j ? Math.sqrt(Math.max(sum, 1e-12)) : sum / matrix[j * n + j]
    }
    for (let k = 0; k < j; k++) right[j] -= matrix[j * n + k] * right[k]
    right[j] /= matrix[j * n + j]
  }
  for (let j = n - 1; j >= 0; j--) {
    for (let k = j + 1; k < n; k++) right[j] -= matrix[k * n + j] * right[k]
    right[j] /= matrix[j * n + j]
  }
  return right
}

/** Elements whose outliers are all off by the same energy per atom of the element, most outliers first. */
function explain(outliers: readonly EnergyOutlier[], fractions: readonly Fractions[]): MixedElement[] {
  const mixed: MixedElement[] = []
  let left = [...outliers]
  while (left.length > 0) {
    let best: MixedElement | undefined
    for (let element = 0; element < ELEMENT_COUNT; element++) {
      const shifts = left.flatMap(({ row, deviationRyPerAtom }) => {
        const share = fractions[row].find(([one]) => one === element)?.[1]
        return share === undefined ? [] : [{ row, shift: deviationRyPerAtom / share }]
      })
      if (shifts.length === 0) continue
      const median = shifts.map(({ shift }) => shift).sort((a, b) => a - b)[shifts.length >> 1]
      const agreeing = shifts.filter(({ shift }) => Math.abs(shift - median) <= SHIFT_TOLERANCE * Math.abs(median))
      if (agreeing.length > (best?.rows.length ?? 0)) {
        best = { symbol: SYMBOLS[element], rows: agreeing.map(({ row }) => row), shiftRyPerAtom: median }
      }
    }
    // A single outlier has no shift that others could agree with.
    if (!best || best.rows.length < 2) break
    mixed.push(best)
    const explained = new Set(best.rows)
    left = left.filter(({ row }) => !explained.has(row))
  }
  return mixed
}
