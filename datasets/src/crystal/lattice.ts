import { GeometryError } from './geometry-error.js'
import type { Lattice, Skeleton } from './structure.js'

/** Lengths of the cell vectors in angstrom and the angles between them in degrees. */
export type CellParameters = [a: number, b: number, c: number, alpha: number, beta: number, gamma: number]

const DEGREE = Math.PI / 180

/** Fractional coordinates this close below 1 are counted as 0 when wrapped. */
const WRAP_TOLERANCE = 1e-12

/** How close to 1 the cosine of an angle of the reciprocal cell is that of a flat cell. */
const FLATNESS = 1e-12

/** Smallest |volume| / (a b c) of a cell that is still taken to be three-dimensional. */
const MIN_RELATIVE_VOLUME = 1e-12

/** Signed volume of a 3x3 row-major matrix; negative for left-handed rows. */
export function determinant(m: ArrayLike<number>): number {
  return m[0] * (m[4] * m[8] - m[5] * m[7]) - m[1] * (m[3] * m[8] - m[5] * m[6]) + m[2] * (m[3] * m[7] - m[4] * m[6])
}

/** Volume of the cell, cubic angstrom; positive for either handedness. */
export function cellVolume(lattice: Lattice): number {
  return Math.abs(determinant(lattice))
}

/**
 * Checks that a lattice is nine finite numbers that span a volume.
 * @throws GeometryError invalid_lattice
 */
export function validateLattice(lattice: Lattice): void {
  if (lattice.length !== 9 || !lattice.every(Number.isFinite)) {
    throw new GeometryError('invalid_lattice', 'the lattice is not 3x3 finite numbers: give three cell vectors as rows')
  }
  const box = rowLength(lattice, 0) * rowLength(lattice, 1) * rowLength(lattice, 2)
  if (!(cellVolume(lattice) > MIN_RELATIVE_VOLUME * box)) {
    throw new GeometryError('invalid_lattice', 'the cell has no volume: give three linearly independent cell vectors')
  }
}

/**
 * Checks that a skeleton has a valid lattice and at least one site with finite coordinates.
 * @throws GeometryError invalid_lattice or invalid_sites
 */
export function validateSkeleton({ lattice, fracCoords }: Skeleton): void {
  validateLattice(lattice)
  if (fracCoords.length === 0 || fracCoords.length % 3 !== 0) {
    throw new GeometryError('invalid_sites', `${fracCoords.length} fractional coordinates: give three for every site`)
  }
  const bad = fracCoords.findIndex((value) => !Number.isFinite(value))
  if (bad >= 0) {
    throw new GeometryError('invalid_sites', `a coordinate of site ${Math.floor(bad / 3)} is not a finite number`)
  }
}

/** Cell parameters of a lattice. */
export function cellParameters(lattice: Lattice): CellParameters {
  const a = rowLength(lattice, 0)
  const b = rowLength(lattice, 1)
  const c = rowLength(lattice, 2)
  const angle = (i: number, j: number, product: number) =>
    Math.acos(Math.min(1, Math.max(-1, rowDot(lattice, i, j) / product))) / DEGREE
  return [a, b, c, angle(1, 2, b * c), angle(0, 2, a * c), angle(0, 1, a * b)]
}

/**
 * Lattice of given cell parameters in pymatgen's frame: c along z, a in the xz plane, b with a positive y component.
 * @throws GeometryError invalid_lattice where no cell has these parameters
 */
export function latticeFromParameters([a, b, c, alpha, beta, gamma]: CellParameters): Lattice {
  const [cosAlpha, cosBeta, cosGamma] = [alpha, beta, gamma].map((angle) => Math.cos(angle * DEGREE))
  const [sinAlpha, sinBeta] = [alpha, beta].map((angle) => Math.sin(angle * DEGREE))
  const cosGammaStar = (cosAlpha * cosBeta - cosGamma) / (sinAlpha * sinBeta)
  const isCell = Math.min(a, b, c) > 0 && Math.min(alpha, beta, gamma) > 0 && Math.max(alpha, beta, gamma) < 180
  if (!isCell || !(Math.abs(cosGammaStar) < 1 - FLATNESS)) {
    throw new GeometryError(
      'invalid_lattice',
      `no cell has the parameters ${[a, b, c, alpha, beta, gamma].join(', ')}: give three positive lengths (angstrom) ` +
        'and three angles (degrees) that can meet in a corner',
    )
  }
  const sinGammaStar = Math.sqrt(1 - cosGammaStar * cosGammaStar)
  // prettier-ignore
  return Float64Array.of(
    a * sinBeta, 0, a * cosBeta,
    -b * sinAlpha * cosGammaStar, b * sinAlpha * sinGammaStar, b * cosAlpha,
    0, 0, c,
  )
}

/**
 * Inverse of a 3x3 row-major matrix. For a lattice, its *columns* are the reciprocal vectors (without 2 pi):
 * frac = cartesian . inverse.
 */
export function inverse3(m: ArrayLike<number>): Float64Array {
  const scale = 1 / determinant(m)
  // prettier-ignore
  return Float64Array.of(
    (m[4] * m[8] - m[5] * m[7]) * scale, (m[2] * m[7] - m[1] * m[8]) * scale, (m[1] * m[5] - m[2] * m[4]) * scale,
    (m[5] * m[6] - m[3] * m[8]) * scale, (m[0] * m[8] - m[2] * m[6]) * scale, (m[2] * m[3] - m[0] * m[5]) * scale,
    (m[3] * m[7] - m[4] * m[6]) * scale, (m[1] * m[6] - m[0] * m[7]) * scale, (m[0] * m[4] - m[1] * m[3]) * scale,
  )
}

/** M rows of three times a 3x3 matrix: fractional to cartesian coordinates with a lattice, back with its inverse. */
export function multiplyRows(rows: ArrayLike<number>, m: ArrayLike<number>): Float64Array {
  const product = new Float64Array(rows.length)
  for (let k = 0; k < rows.length; k += 3) {
    for (let column = 0; column < 3; column++) {
      product[k + column] = rows[k] * m[column] + rows[k + 1] * m[3 + column] + rows[k + 2] * m[6 + column]
    }
  }
  return product
}

/** N x 3 cartesian coordinates, angstrom. */
export function fracToCartesian(fracCoords: Float64Array, lattice: Lattice): Float64Array {
  return multiplyRows(fracCoords, lattice)
}

/** N x 3 fractional coordinates of cartesian ones (angstrom). */
export function cartesianToFrac(cartesian: Float64Array, lattice: Lattice): Float64Array {
  return multiplyRows(cartesian, inverse3(lattice))
}

/** Length of the vector with fractional components (u, v, w), angstrom. */
export function vectorLength(u: number, v: number, w: number, m: Lattice): number {
  const x = u * m[0] + v * m[3] + w * m[6]
  const y = u * m[1] + v * m[4] + w * m[7]
  const z = u * m[2] + v * m[5] + w * m[8]
  return Math.sqrt(x * x + y * y + z * z)
}

/** 3x3 matrix of the dot products of the cell vectors, square angstrom. */
export function metricTensor(lattice: Lattice): Float64Array {
  return Float64Array.from({ length: 9 }, (_, k) => rowDot(lattice, Math.floor(k / 3), k % 3))
}

/** A fractional coordinate moved into [0, 1); values within 1e-12 below 1 become 0. */
export function wrapFraction(value: number): number {
  const wrapped = value - Math.floor(value)
  return wrapped > 1 - WRAP_TOLERANCE ? 0 : wrapped
}

function rowDot(m: ArrayLike<number>, i: number, j: number): number {
  return m[3 * i] * m[3 * j] + m[3 * i + 1] * m[3 * j + 1] + m[3 * i + 2] * m[3 * j + 2]
}

function rowLength(m: ArrayLike<number>, i: number): number {
  return Math.sqrt(rowDot(m, i, i))
}
