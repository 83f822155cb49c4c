import { ELEMENT_COUNT, UNFILLED, siteCount, type Structure } from '@unitcell/datasets'
import { dftFailure, type DftFailure } from './failure.js'
import { distinctSymbols } from './input.js'

/**
 * No two atoms of a crystal are nearer than this; the field's threshold of structural validity (Xie et al. 2021), well
 * below the shortest bond (H-H, 0.74). pw.x itself takes atoms 0.4 angstrom apart and converges to nonsense.
 */
export const MINIMUM_DISTANCE_ANGSTROM = 0.5

/** The least volume of a cell of one atom, from the same definition of validity. */
export const MINIMUM_VOLUME_ANGSTROM3 = 0.1

/** pw.x 6.7 is compiled for so many different elements (ntypx). */
const maxElements = 10

/** More periodic images than this to look at: the cell is needle-like or skewed beyond use. */
const maxImages = 200_000

/** What is wrong with a structure that no calculation can mend, or null. */
export function structureFailure(structure: Structure): DftFailure | null {
  const { lattice, fracCoords, species } = structure
  const sites = siteCount(structure)
  if (lattice.length !== 9 || sites < 1 || !Number.isInteger(sites) || species.length !== sites) {
    const sizes = `${lattice.length} lattice numbers, ${fracCoords.length} coordinates, ${species.length} species`
    return dftFailure('bad_structure', sizes)
  }
  if (![...lattice, ...fracCoords].every(Number.isFinite)) return dftFailure('bad_structure', 'a number is not finite')
  for (let i = 0; i < sites; i++) {
    if (species[i] === UNFILLED) return dftFailure('unfilled_site', `site ${i}`)
    if (species[i] > ELEMENT_COUNT) return dftFailure('bad_structure', `site ${i} has element index ${species[i]}`)
  }
  const elements = distinctSymbols(structure)
  if (elements.length > maxElements) return dftFailure('too_many_elements', elements.join(' '))
  const volume = Math.abs(determinant(lattice))
  if (!(volume >= MINIMUM_VOLUME_ANGSTROM3)) {
    return dftFailure('degenerate_cell', `its volume is ${volume.toPrecision(3)} cubic angstrom`)
  }
  return distanceFailure(structure, volume)
}

function distanceFailure({ lattice, fracCoords }: Structure, volume: number): DftFailure | null {
  // Two points nearer than r lie within r of each other's lattice plane: |fractional difference| <= r / plane spacing.
  const reach = [0, 1, 2].map((axis) => (MINIMUM_DISTANCE_ANGSTROM * faceArea(lattice, axis)) / volume)
  const images = reach.reduce((count, r) => count * (2 * Math.ceil(r) + 1), 1)
  if (!(images <= maxImages)) return dftFailure('degenerate_cell', 'its lattice planes are too close together')
  const sites = fracCoords.length / 3
  for (let i = 0; i < sites; i++) {
    for (let j = i; j < sites; j++) {
      const distance = nearestImage(lattice, fracCoords, i, j, reach)
      if (distance < MINIMUM_DISTANCE_ANGSTROM) {
        const pair = i === j ? `site ${i} and its own image` : `sites ${i} and ${j}`
        return dftFailure('atoms_too_close', `${pair} are ${distance.toFixed(3)} angstrom apart`)
      }
    }
  }
  return null
}

/** The least distance between site i and any image of site j (other than i itself) within reach; Infinity if none is. */
function nearestImage(
  lattice: Float64Array,
  frac: Float64Array,
  i: number,
  j: number,
  reach: readonly number[],
): number {
  const [dx, dy, dz] = [0, 1, 2].map((axis) => frac[3 * j + axis] - frac[3 * i + axis])
  let nearest = Infinity
  for (let a = Math.ceil(-reach[0] - dx); a <= reach[0] - dx; a++) {
    for (let b = Math.ceil(-reach[1] - dy); b <= reach[1] - dy; b++) {
      for (let c = Math.ceil(-reach[2] - dz); c <= reach[2] - dz; c++) {
        if (i === j && a === 0 && b === 0 && c === 0) continue
        const [u, v, w] = [dx + a, dy + b, dz + c]
        const x = u * lattice[0] + v * lattice[3] + w * lattice[6]
        const y = u * lattice[1] + v * lattice[4] + w * lattice[7]
        const z = u * lattice[2] + v * lattice[5] + w * lattice[8]
        nearest = Math.min(nearest, Math.hypot(x, y, z))
      }
    }
  }
  return nearest
}

/** Area, in square angstrom, of the face spanned by the two cell vectors other than `axis`. */
function faceArea(lattice: Float64Array, axis: number): number {
  return Math.hypot(...cross(lattice, (axis + 1) % 3, (axis + 2) % 3))
}

function determinant(lattice: Float64Array): number {
  const [x, y, z] = cross(lattice, 1, 2)
  return lattice[0] * x + lattice[1] * y + lattice[2] * z
}

function cross(m: Float64Array, row: number, other: number): [number, number, number] {
  const [p, q] = [3 * row, 3 * other]
  return [
    m[p + 1] * m[q + 2] - m[p + 2] * m[q + 1],
    m[p + 2] * m[q] - m[p] * m[q + 2],
    m[p] * m[q + 1] - m[p + 1] * m[q],
  ]
}
