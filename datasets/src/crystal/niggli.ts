import { GeometryError } from './geometry-error.js'
import { cellVolume, determinant, inverse3, multiplyRows, validateLattice, wrapFraction } from './lattice.js'
import type { Lattice, Skeleton } from './structure.js'

export interface NiggliReduction {
  /** The reduced cell: `transform` . lattice, right-handed, not rotated. */
  readonly lattice: Lattice
  /** 3x3 row-major integers, determinant 1 (-1 where the given cell was left-handed). */
  readonly transform: Int32Array
}

/** Tolerance on the metric, as a fraction of the cube root of the volume. */
const RELATIVE_TOLERANCE = 1e-5

/** A cell that was shortened first takes about ten steps; only a flaw in the tolerances could reach this. */
const MAX_STEPS = 1000

// Rows of the products below are the new cell vectors in terms of the old ones.
const SWAP_AB = [0, -1, 0, -1, 0, 0, 0, 0, -1]
const SWAP_BC = [-1, 0, 0, 0, 0, -1, 0, -1, 0]

/**
 * Niggli cell of a lattice by the algorithm of Krivy and Gruber (1976) with the tolerances of Grosse-Kunstleve, Sauter
 * and Adams, Acta Cryst. A60 (2004) 1: eps = 1e-5 V^(1/3). A heavily skewed cell is shortened beforehand, so that the
 * number of steps does not grow with the skew.
 * @throws GeometryError invalid_lattice, niggli_not_converged
 */
export function niggliReduce(lattice: Lattice): NiggliReduction {
  validateLattice(lattice)
  const eps = RELATIVE_TOLERANCE * Math.cbrt(cellVolume(lattice))
  let transform = shorten(lattice)
  if (determinant(lattice) < 0) transform = transform.map((entry) => -entry)
  for (let count = 0; count < MAX_STEPS; count++) {
    const next = niggliStep(characteristic(transform, lattice), eps)
    if (next === null) return { lattice: multiplyRows(transform, lattice), transform: Int32Array.from(transform) }
    transform = Float64Array.from(multiplyRows(next, transform))
  }
  throw new GeometryError(
    'niggli_not_converged',
    `the Niggli reduction did not settle in ${MAX_STEPS} steps: keep the cell as given`,
  )
}

/**
 * The same crystal in its Niggli cell: sites in the same order, coordinates wrapped into [0, 1) (values within 1e-12
 * below 1 become 0), everything else kept.
 * @throws GeometryError as {@link niggliReduce}
 */
export function toNiggliCell<S extends Skeleton>(skeleton: S): S {
  const { lattice, transform } = niggliReduce(skeleton.lattice)
  // The inverse of a unimodular matrix is integer: rounding makes it exact.
  const back = inverse3(transform).map(Math.round)
  return { ...skeleton, lattice, fracCoords: multiplyRows(skeleton.fracCoords, back).map(wrapFraction) }
}

/** A, B, C, xi, eta, zeta: the squared lengths and twice the dot products b.c, a.c, a.b of `transform` . lattice. */
type Characteristic = [number, number, number, number, number, number]

function characteristic(transform: Float64Array, lattice: Lattice): Characteristic {
  const m = multiplyRows(transform, lattice)
  const dot = (i: number, j: number) => m[i] * m[j] + m[i + 1] * m[j + 1] + m[i + 2] * m[j + 2]
  return [dot(0, 0), dot(3, 3), dot(6, 6), 2 * dot(3, 6), 2 * dot(0, 6), 2 * dot(0, 3)]
}

/** The next change of basis, steps 1 to 8 of the paper in order, or null for a cell that is reduced. */
function niggliStep([A, B, C, xi, eta, zeta]: Characteristic, eps: number): number[] | null {
  const less = (x: number, y: number) => x < y - eps
  const equal = (x: number, y: number) => Math.abs(x - y) <= eps
  const sign = (x: number) => (x > eps ? 1 : x < -eps ? -1 : 0)

  if (less(B, A) || (equal(A, B) && less(Math.abs(eta), Math.abs(xi)))) return SWAP_AB
  if (less(C, B) || (equal(B, C) && less(Math.abs(zeta), Math.abs(eta)))) return SWAP_BC

  const flips = signFlips([sign(xi), sign(eta), sign(zeta)])
  if (flips !== null) return flips

  if (less(B, Math.abs(xi)) || (equal(xi, B) && less(2 * eta, zeta)) || (equal(xi, -B) && less(zeta, 0))) {
    return [1, 0, 0, 0, 1, 0, 0, -Math.sign(xi), 1]
  }
  if (less(A, Math.abs(eta)) || (equal(eta, A) && less(2 * xi, zeta)) || (equal(eta, -A) && less(zeta, 0))) {
    return [1, 0, 0, 0, 1, 0, -Math.sign(eta), 0, 1]
  }
  if (less(A, Math.abs(zeta)) || (equal(zeta, A) && less(2 * xi, eta)) || (equal(zeta, -A) && less(eta, 0))) {
    return [1, 0, 0, -Math.sign(zeta), 1, 0, 0, 0, 1]
  }
  const sum = xi + eta + zeta + A + B
  if (less(sum, 0) || (equal(sum, 0) && less(0, 2 * (A + eta) + zeta))) return [1, 0, 0, 0, 1, 0, 1, 1, 1]
  return null
}

/**
 * Steps 3 and 4: reverse vectors until xi, eta, zeta are all positive (type I) or none is (type II); null where they
 * are so already. Reversing a changes eta and zeta, and so on; always an even number of vectors, to keep the hand.
 */
function signFlips([l, m, n]: [number, number, number]): number[] | null {
  let flips = [l, m, n]
  if (l * m * n <= 0) {
    flips = [l, m, n].map((s) => (s > 0 ? -1 : 1))
    if (flips[0] * flips[1] * flips[2] < 0) flips[[l, m, n].lastIndexOf(0)] = -1
  }
  if (flips.every((flip) => flip === 1)) return null
  return [flips[0], 0, 0, 0, flips[1], 0, 0, 0, flips[2]]
}

/** A unimodular transform after which no vector is shortened by whole multiples of one other. */
function shorten(lattice: Lattice): Float64Array {
  const transform = Float64Array.of(1, 0, 0, 0, 1, 0, 0, 0, 1)
  for (let changed = true; changed;) {
    changed = false
    for (let i = 0; i < 3; i++) {
      for (let j = 0; j < 3; j++) {
        if (i === j) continue
        const m = multiplyRows(transform, lattice)
        const dot = (p: number, q: number) =>
          m[3 * p] * m[3 * q] + m[3 * p + 1] * m[3 * q + 1] + m[3 * p + 2] * m[3 * q + 2]
        // Only multiples well beyond the tie at one half: a cell that is nearly reduced is left to the exact steps.
        const ratio = dot(i, j) / dot(j, j)
        if (Math.abs(ratio) < 0.75) continue
        const multiple = Math.round(ratio)
        for (let k = 0; k < 3; k++) transform[3 * i + k] -= multiple * transform[3 * j + k]
        changed = true
      }
    }
  }
  return transform
}
