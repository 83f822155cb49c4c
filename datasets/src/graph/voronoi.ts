import { GeometryError } from '../crystal/geometry-error.js'
import { cellVolume, validateSkeleton } from '../crystal/lattice.js'
import { siteCount, type Skeleton } from '../crystal/structure.js'
import { PeriodicPoints } from './periodic-points.js'
import { VoronoiCell } from './voronoi-cell.js'

/**
 * The faces of the Voronoi cells of all sites. The faces of site i are those from `offsets[i]` up to `offsets[i + 1]`;
 * each separates site i of the home cell from site `sites[f]` of the cell `images[3 f ..]`.
 */
export interface VoronoiFaces {
  /** N + 1 positions. */
  readonly offsets: Uint32Array
  /** F site indices. */
  readonly sites: Uint16Array
  /** F x 3 cell images, counted from the coordinates as given. */
  readonly images: Int16Array
  /** F solid angles, steradian; 4 pi in all for each site. */
  readonly solidAngles: Float64Array
}

/** pymatgen's `search_cutoff` of CrystalNN. */
const SEARCH_RADIUS_ANGSTROM = 7

/** Half the width of the box that stands for an unbounded cell. */
const BOX_ANGSTROM = 1e4

/** A cell no site of which is within this of its next image has no graph. */
const MAX_SEARCH_RADIUS_ANGSTROM = 1e4

/**
 * In most crystals the points within this many times (V / N)^(1/3) already settle a cell, so that they are looked for
 * first. It has no influence on the result.
 */
const FIRST_SHELL = 2.1

const SOLID_ANGLE_TOLERANCE = 1e-6

const cell = new VoronoiCell()
const faceAngles = new Float64Array(1024)
const faceLabels = new Int32Array(1024)

/**
 * Voronoi cells of all sites, as CrystalNN (pymatgen's VoronoiNN, cutoff 7 angstrom) sees them. The points are those within 7 angstrom, in a sparse crystal too; only where they leave the cell unbounded is
 * the radius doubled.
 * @throws GeometryError invalid_lattice, invalid_sites, coincident_sites, voronoi_failed
 */
export function voronoiFaces(skeleton: Skeleton): VoronoiFaces {
  validateSkeleton(skeleton)
  const sitesInCell = siteCount(skeleton)
  const firstRadius = FIRST_SHELL * Math.cbrt(cellVolume(skeleton.lattice) / sitesInCell)
  const points = new PeriodicPoints(skeleton)
  const offsets = new Uint32Array(sitesInCell + 1)
  const sites: number[] = []
  const images: number[] = []
  const solidAngles: number[] = []
  for (let site = 0; site < sitesInCell; site++) {
    cutCell(points, site, Math.min(firstRadius, SEARCH_RADIUS_ANGSTROM))
    const count = cell.solidAngles(faceAngles, faceLabels)
    let total = 0
    for (let face = 0; face < count; face++) {
      const point = faceLabels[face]
      sites.push(points.sites[point])
      images.push(points.images[3 * point], points.images[3 * point + 1], points.images[3 * point + 2])
      solidAngles.push(faceAngles[face])
      total += faceAngles[face]
    }
    if (!(Math.abs(total - 4 * Math.PI) < SOLID_ANGLE_TOLERANCE)) {
      throw new GeometryError(
        'voronoi_failed',
        `the Voronoi cell of site ${site} does not close (solid angles add up to ${total}, not 4 pi): ` +
          'look for sites that lie almost on each other',
      )
    }
    offsets[site + 1] = sites.length
  }
  return {
    offsets,
    sites: Uint16Array.from(sites),
    images: Int16Array.from(images),
    solidAngles: Float64Array.from(solidAngles),
  }
}

/** Leaves the Voronoi cell of a site in `cell`; its faces are labelled by indices of `points`. */
function cutCell(points: PeriodicPoints, site: number, firstRadius: number): void {
  points.clear()
  cell.reset(BOX_ANGSTROM)
  let inner = 0
  let outer = firstRadius
  for (;;) {
    points.addShell(site, inner, outer)
    while (points.nearestSquared <= 4 * cell.maxRadiusSquared) {
      const point = points.takeNearest()
      cell.cut(points.x[point], points.y[point], points.z[point], points.squared[point], point)
    }
    const isSettled = 4 * cell.maxRadiusSquared <= outer * outer
    if (isSettled || (outer >= SEARCH_RADIUS_ANGSTROM && cell.isBounded)) return
    if (outer > MAX_SEARCH_RADIUS_ANGSTROM) {
      throw new GeometryError('voronoi_failed', `the Voronoi cell of site ${site} is unbounded: shrink the cell`)
    }
    inner = outer
    outer = inner < SEARCH_RADIUS_ANGSTROM ? SEARCH_RADIUS_ANGSTROM : 2 * inner
  }
}
