import { cellVolume, determinant, inverse3, multiplyRows, validateSkeleton, vectorLength } from './lattice.js'
import { toNiggliCell } from './niggli.js'
import { siteCount, type Lattice, type Skeleton } from './structure.js'

/** The non-zero integer vectors with entries -1..1, (1,0,0), (0,1,0), (0,0,1) first: candidates for a cell vector. */
const SMALL_VECTORS = Array.from({ length: 27 }, (_, k) => [
  1 - Math.floor(k / 9),
  1 - (Math.floor(k / 3) % 3),
  1 - (k % 3),
])
  .filter(([i, j, k]) => i !== 0 || j !== 0 || k !== 0)
  .sort((p, q) => Math.hypot(...p) - Math.hypot(...q))

/**
 * Whether two skeletons coincide up to a permutation of sites, a shift of the origin, a rotation or reflection of space
 * and another choice of cell for the same lattice. Mirror images match: they have the same energies.
 *
 * Both are taken to their Niggli cells; what is left to try are the integer matrices with entries -1..1 that carry one
 * metric into the other, each with the shifts that carry site 0 onto a site.
 * @param toleranceAngstrom largest distance between matched sites after the mean shift, and largest difference
 * between the lengths of matched cell vectors
 * @returns `match` with site i of `a` on site `match[i]` of `b`, the listed order if that is a match; null for none
 * @throws GeometryError invalid_lattice, invalid_sites, niggli_not_converged
 */
export function matchSkeletons(a: Skeleton, b: Skeleton, toleranceAngstrom = 0.01): Uint16Array | null {
  validateSkeleton(a)
  validateSkeleton(b)
  const sites = siteCount(a)
  if (sites !== siteCount(b) || !haveSimilarVolumes(a.lattice, b.lattice, toleranceAngstrom)) return null
  const source = toNiggliCell(a)
  const target = toNiggliCell(b)
  for (const isometry of isometries(source.lattice, target.lattice, toleranceAngstrom)) {
    const turned = multiplyRows(source.fracCoords, inverse3(isometry).map(Math.round))
    for (let site = 0; site < sites; site++) {
      const match = matchSites(turned, target, site, toleranceAngstrom)
      if (match !== null) return match
    }
  }
  return null
}

/** False only where no change of cell vectors within the tolerance could make up for the difference in volume. */
function haveSimilarVolumes(a: Lattice, b: Lattice, tolerance: number): boolean {
  const [p, q, r] = [0, 3, 6].map((row) => Math.hypot(b[row], b[row + 1], b[row + 2]))
  return Math.abs(cellVolume(a) - cellVolume(b)) <= 4 * tolerance * (p * q + q * r + r * p)
}

/** The small unimodular matrices M for which M . source has the lengths and angles of target, the identity first. */
function isometries(source: Lattice, target: Lattice, tolerance: number): number[][] {
  const length = (lattice: Lattice, vector: number[]) => vectorLength(vector[0], vector[1], vector[2], lattice)
  const differ = (p: number[], q: number[]) => p.map((value, k) => value - q[k])
  const unit = [
    [1, 0, 0],
    [0, 1, 0],
    [0, 0, 1],
  ]
  const candidates = unit.map((axis) =>
    SMALL_VECTORS.filter((vector) => Math.abs(length(source, vector) - length(target, axis)) <= tolerance),
  )
  const fit = (p: number[], i: number, q: number[], j: number) =>
    Math.abs(length(source, differ(p, q)) - length(target, differ(unit[i], unit[j]))) <= 2 * tolerance
  const found: number[][] = []
  for (const p of candidates[0]) {
    for (const q of candidates[1]) {
      if (!fit(p, 0, q, 1)) continue
      for (const r of candidates[2]) {
        if (!fit(p, 0, r, 2) || !fit(q, 1, r, 2)) continue
        const matrix = [...p, ...q, ...r]
        if (Math.abs(determinant(matrix)) === 1) found.push(matrix)
      }
    }
  }
  return found
}

/** The match for the shift near the one that carries site 0 onto `anchor`, or null. */
function matchSites(from: Float64Array, target: Skeleton, anchor: number, tolerance: number): Uint16Array | null {
  const { lattice, fracCoords: to } = target
  const sites = siteCount(target)
  const shift = [0, 1, 2].map((axis) => to[3 * anchor + axis] - from[axis])
  const match = new Uint16Array(sites)
  const isTaken = new Uint8Array(sites)
  const residuals = new Float64Array(3 * sites)
  const mean = [0, 0, 0]
  for (let i = 0; i < sites; i++) {
    const [x, y, z] = [from[3 * i] + shift[0], from[3 * i + 1] + shift[1], from[3 * i + 2] + shift[2]]
    // Site 0 may itself be off by the tolerance, which the shift hands on to every other.
    let shortest = 2 * tolerance
    let nearest = -1
    for (let j = 0; j < sites; j++) {
      if (isTaken[j]) continue
      const [u, v, w] = [to[3 * j] - x, to[3 * j + 1] - y, to[3 * j + 2] - z]
      const [du, dv, dw] = [u - Math.round(u), v - Math.round(v), w - Math.round(w)]
      const distance = vectorLength(du, dv, dw, lattice)
      if (distance > shortest) continue
      shortest = distance
      nearest = j
      residuals.set([du, dv, dw], 3 * i)
    }
    if (nearest < 0) return null
    isTaken[nearest] = 1
    match[i] = nearest
    for (let axis = 0; axis < 3; axis++) mean[axis] += residuals[3 * i + axis] / sites
  }
  for (let i = 0; i < 3 * sites; i += 3) {
    const [u, v, w] = [residuals[i] - mean[0], residuals[i + 1] - mean[1], residuals[i + 2] - mean[2]]
    if (vectorLength(u, v, w, lattice) > tolerance) return null
  }
  return match
}
