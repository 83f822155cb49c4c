import { CrystalError, quote } from '../crystal/crystal-error.js'
import { determinant } from '../crystal/lattice.js'
import type { CifValue } from './cif-syntax.js'

/** x' = rotation . x + translation, in fractional coordinates. */
export interface SymmetryOperation {
  /** 3x3, row-major. */
  readonly rotation: Float64Array
  /** 3 numbers. */
  readonly translation: Float64Array
}

/**
 * An operation such as `-x+1/2, y, z-0.5` or `1/2+X,x-Y,2/3+z`. Decimal translations such as 0.3333 are taken for the fraction
 * that they round. Throws CrystalError `unparsable`.
 */
export function parseOperation(text: CifValue, tag: string): SymmetryOperation {
  const rows = (text ?? '').toLowerCase().replace(/\s+/g, '').split(',')
  const rotation = new Float64Array(9)
  const translation = new Float64Array(3)
  const valid =
    rows.length === 3 && rows.every((row, i) => readRow(row, rotation.subarray(3 * i, 3 * i + 3), translation, i))
  if (valid && Math.abs(Math.abs(determinant(rotation)) - 1) < 1e-9) return { rotation, translation }
  const what = `${quote(text)} is no symmetry operation`
  throw new CrystalError('unparsable', what, 'write it as in "-x+1/2, y, z"', tag)
}

/** The image of a position; a new array. */
export function applyOperation({ rotation, translation }: SymmetryOperation, position: Float64Array): Float64Array {
  const [x, y, z] = position
  return Float64Array.from(translation, (shift, i) => {
    return rotation[3 * i] * x + rotation[3 * i + 1] * y + rotation[3 * i + 2] * z + shift
  })
}

function readRow(text: string, rotation: Float64Array, translation: Float64Array, i: number): boolean {
  // Sign, a number or fraction, and an axis; all but one of the last two may be absent.
  const term = /([+-]?)(?:(\d+\.?\d*|\.\d+)(?:\/(\d+))?\*?)?([xyz]?)/y
  while (term.lastIndex < text.length) {
    const isFirst = term.lastIndex === 0
    const match = term.exec(text)
    const [, sign, numerator, denominator, axis] = match ?? []
    if (match === null || (numerator === undefined && axis === '') || (sign === '' && !isFirst)) return false
    const value = (sign === '-' ? -1 : 1) * (Number(numerator ?? 1) / Number(denominator ?? 1))
    if (axis === '') translation[i] += toFraction(value)
    else rotation['xyz'.indexOf(axis)] += value
  }
  return text !== ''
}

/** Translations of space groups are multiples of 1/24 in every setting in use. */
function toFraction(value: number): number {
  const nearest = Math.round(24 * value) / 24
  return Math.abs(value - nearest) < 1e-3 ? nearest : value
}
