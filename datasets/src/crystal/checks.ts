import { CrystalError } from './crystal-error.js'
import { cellVolume } from './lattice.js'
import { type Lattice, type Skeleton, siteCount } from './structure.js'

/** Sites closer than this are taken for one atom listed twice. */
export const MIN_DISTANCE_ANGSTROM = 0.1

/** A cell of less volume, or flatter, is taken for none. */
export const MIN_VOLUME_ANGSTROM3 = 0.1
/** Volume over the product of the lengths of the cell vectors; 1 for a cuboid. */
export const MIN_ORTHOGONALITY = 1e-3

/** Site indices are stored in 16 bits. */
export const MAX_SITES = 65_535

export interface CheckOptions {
  /** Largest number of sites accepted; at most, and by default, `MAX_SITES`. */
  readonly maxSites?: number | undefined
}

/**
 * Throws unless the skeleton is sound. CrystalError `no_sites`, `too_many_sites`, `no_volume`, or `coincident_sites` (two
 * sites, or a site and its own periodic image, closer than `MIN_DISTANCE_ANGSTROM`).
 */
export function checkSkeleton(skeleton: Skeleton, { maxSites = MAX_SITES }: CheckOptions = {}): void {
  const sites = siteCount(skeleton)
  if (sites === 0) throw new CrystalError('no_sites', 'the crystal has no sites', 'give at least one', 'frac_coords')
  const limit = Math.min(maxSites, MAX_SITES)
  if (sites > limit) {
    const fix = limit < MAX_SITES ? 'raise the limit or leave the crystal out' : 'use a smaller cell'
    throw new CrystalError('too_many_sites', `${sites} sites are more than the limit of ${limit}`, fix, 'frac_coords')
  }
  checkVolume(skeleton.lattice)
  checkDistances(skeleton)
}

/** Throws CrystalError `no_volume` unless the cell vectors span a volume. */
export function checkVolume(lattice: Lattice): void {
  const volume = cellVolume(lattice)
  const lengths = [0, 3, 6].map((i) => Math.hypot(lattice[i], lattice[i + 1], lattice[i + 2]))
  const orthogonality = volume / (lengths[0] * lengths[1] * lengths[2])
  if (volume >= MIN_VOLUME_ANGSTROM3 && volume < Infinity && orthogonality >= MIN_ORTHOGONALITY) return
  const what = `the cell vectors span no volume: ${volume.toPrecision(3)} angstrom^3`
  throw new CrystalError('no_volume', what, 'give three independent cell vectors in angstrom', 'lattice')
}

function checkDistances({ lattice, fracCoords }: Skeleton): void {
  const coincide = coincidence(lattice)
  if (coincide.ownImage) {
    const what = `every site is closer than ${MIN_DISTANCE_ANGSTROM} angstrom to its own periodic image`
    throw new CrystalError('coincident_sites', what, 'give the cell vectors in angstrom', 'lattice')
  }
  for (let i = 0; i < fracCoords.length; i += 3) {
    for (let j = i + 3; j < fracCoords.length; j += 3) {
      if (!coincide(fracCoords, i, fracCoords, j)) continue
      const what = `sites ${i / 3} and ${j / 3} (counted from 0) are closer than ${MIN_DISTANCE_ANGSTROM} angstrom`
      throw new CrystalError('coincident_sites', what, 'list every atom of the cell exactly once', 'frac_coords')
    }
  }
}

/**
 * Whether two positions, periodic images included, are closer than `MIN_DISTANCE_ANGSTROM`; `p` and `q` are offsets of the
 * first component.
 */
export interface Coincidence {
  (a: Float64Array, p: number, b: Float64Array, q: number): boolean
  /** Whether a position is that close to an image of itself. */
  readonly ownImage: boolean
}

/** Coincidence of positions in a lattice that `checkVolume` accepts. */
export function coincidence(lattice: Lattice): Coincidence {
  // Two points within r differ by at most r / (spacing of the lattice planes) in each fractional coordinate.
  const reach = planeSpacings(lattice).map((spacing) => MIN_DISTANCE_ANGSTROM / spacing)
  const [reachA, reachB, reachC] = reach
  const thin = reach.some((value) => value >= 0.5)
  const limit = MIN_DISTANCE_ANGSTROM ** 2

  const within = (x: number, y: number, z: number, skipZero: boolean): boolean => {
    for (let a = Math.ceil(-reachA - x); a <= reachA - x; a++) {
      for (let b = Math.ceil(-reachB - y); b <= reachB - y; b++) {
        for (let c = Math.ceil(-reachC - z); c <= reachC - z; c++) {
          if (skipZero && a === 0 && b === 0 && c === 0) continue
          if (squaredLength(lattice, x + a, y + b, z + c) < limit) return true
        }
      }
    }
    return false
  }

  const coincide = (a: Float64Array, p: number, b: Float64Array, q: number): boolean => {
    const x = wrapped(a[p] - b[q])
    if (!thin && Math.abs(x) > reachA) return false
    const y = wrapped(a[p + 1] - b[q + 1])
    if (!thin && Math.abs(y) > reachB) return false
    const z = wrapped(a[p + 2] - b[q + 2])
    if (thin) return within(x, y, z, false)
    return Math.abs(z) <= reachC && squaredLength(lattice, x, y, z) < limit
  }
  return Object.assign(coincide, { ownImage: reach.some((value) => value >= 1) && within(0, 0, 0, true) })
}

/** A fractional difference moved to -0.5..0.5. */
function wrapped(difference: number): number {
  return difference - Math.round(difference)
}

function squaredLength(lattice: Lattice, x: number, y: number, z: number): number {
  const u = x * lattice[0] + y * lattice[3] + z * lattice[6]
  const v = x * lattice[1] + y * lattice[4] + z * lattice[7]
  const w = x * lattice[2] + y * lattice[5] + z * lattice[8]
  return u * u + v * v + w * w
}

/** Distances between the lattice planes (100), (010) and (001), angstrom. */
function planeSpacings(lattice: Lattice): [number, number, number] {
  const volume = cellVolume(lattice)
  return [volume / crossLength(lattice, 3, 6), volume / crossLength(lattice, 6, 0), volume / crossLength(lattice, 0, 3)]
}

function crossLength(m: Lattice, i: number, j: number): number {
  return Math.hypot(
    m[i + 1] * m[j + 2] - m[i + 2] * m[j + 1],
    m[i + 2] * m[j] - m[i] * m[j + 2],
    m[i] * m[j + 1] - m[i + 1] * m[j],
  )
}
