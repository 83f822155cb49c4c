import { GeometryError } from '../crystal/geometry-error.js'
import { siteCount, type Skeleton } from '../crystal/structure.js'

/** Two sites closer than this (angstrom) are taken to be one site listed twice. */
export const MIN_SITE_DISTANCE_ANGSTROM = 1e-3

/** Points on the sphere itself are inside, whatever the rounding of their distance. */
const RADIUS_TOLERANCE_ANGSTROM = 1e-8

/** About 100 MB; only a cell thousands of times longer than wide comes near. */
const MAX_POINTS = 2_000_000

/**
 * The periodic sites around one site, shell by shell and nearest first. All arrays are reused from site to site.
 * Positions are relative to that site, in a frame of this class: cartesian, but turned so that c lies along z and b in
 * the yz plane. In that frame the lattice is triangular, and the images inside a sphere are enumerated exactly, one
 * range per axis, without testing any outside it.
 */
export class PeriodicPoints {
  x = new Float64Array(256)
  y = new Float64Array(256)
  z = new Float64Array(256)
  /** Squared distances, square angstrom. */
  squared = new Float64Array(256)
  sites = new Uint16Array(256)
  /** Three cell indices a point. */
  images = new Int16Array(768)
  count = 0

  /** Point indices not taken yet, as a binary heap by distance, ties by index. */
  private heap = new Uint32Array(256)
  private heapSize = 0

  private readonly sitesInCell: number
  private readonly fracCoords: Float64Array
  private readonly ax: number
  private readonly ay: number
  private readonly az: number
  private readonly by: number
  private readonly bz: number
  private readonly cz: number

  constructor({ lattice: m, fracCoords }: Skeleton) {
    this.sitesInCell = siteCount({ lattice: m, fracCoords })
    this.fracCoords = fracCoords
    this.cz = Math.sqrt(m[6] * m[6] + m[7] * m[7] + m[8] * m[8])
    this.bz = (m[3] * m[6] + m[4] * m[7] + m[5] * m[8]) / this.cz
    this.az = (m[0] * m[6] + m[1] * m[7] + m[2] * m[8]) / this.cz
    this.by = Math.sqrt(m[3] * m[3] + m[4] * m[4] + m[5] * m[5] - this.bz * this.bz)
    this.ay = (m[0] * m[3] + m[1] * m[4] + m[2] * m[5] - this.az * this.bz) / this.by
    this.ax = Math.sqrt(m[0] * m[0] + m[1] * m[1] + m[2] * m[2] - this.az * this.az - this.ay * this.ay)
  }

  clear(): void {
    this.count = 0
    this.heapSize = 0
  }

  /**
   * Adds every periodic site whose distance from `center` is above `inner` and at most `outer`, angstrom; with
   * `inner` = 0 all but the centre itself.
   * @throws GeometryError coincident_sites, voronoi_failed
   */
  addShell(center: number, inner: number, outer: number): void {
    const { ax, ay, az, by, bz, cz, fracCoords, sitesInCell } = this
    const outerSquared = (outer + RADIUS_TOLERANCE_ANGSTROM) ** 2
    const innerSquared = inner > 0 ? (inner + RADIUS_TOLERANCE_ANGSTROM) ** 2 : -1
    const first = this.count
    for (let site = 0; site < sitesInCell; site++) {
      const da = fracCoords[3 * site] - fracCoords[3 * center]
      const db = fracCoords[3 * site + 1] - fracCoords[3 * center + 1]
      const dc = fracCoords[3 * site + 2] - fracCoords[3 * center + 2]
      const reachA = Math.sqrt(outerSquared) / ax
      const lastA = Math.floor(reachA - da)
      for (let na = Math.ceil(-reachA - da); na <= lastA; na++) {
        const x = (da + na) * ax
        const restA = outerSquared - x * x
        const reachB = Math.sqrt(Math.max(0, restA)) / by
        const middleB = -((da + na) * ay) / by - db
        const lastB = Math.floor(middleB + reachB)
        for (let nb = Math.ceil(middleB - reachB); nb <= lastB; nb++) {
          const y = (da + na) * ay + (db + nb) * by
          const reachC = Math.sqrt(Math.max(0, restA - y * y)) / cz
          const middleC = -((da + na) * az + (db + nb) * bz) / cz - dc
          const lastC = Math.floor(middleC + reachC)
          for (let nc = Math.ceil(middleC - reachC); nc <= lastC; nc++) {
            const z = (da + na) * az + (db + nb) * bz + (dc + nc) * cz
            const squared = x * x + y * y + z * z
            if (squared <= innerSquared || squared > outerSquared) continue
            if (squared < MIN_SITE_DISTANCE_ANGSTROM ** 2) {
              if (site === center && na === 0 && nb === 0 && nc === 0) continue
              throw new GeometryError(
                'coincident_sites',
                `two sites are ${Math.sqrt(squared).toPrecision(2)} angstrom apart: remove one of them`,
              )
            }
            if (this.count === this.x.length) this.grow()
            const point = this.count++
            this.x[point] = x
            this.y[point] = y
            this.z[point] = z
            this.squared[point] = squared
            this.sites[point] = site
            this.images[3 * point] = na
            this.images[3 * point + 1] = nb
            this.images[3 * point + 2] = nc
          }
        }
      }
    }
    for (let point = first; point < this.count; point++) this.heap[this.heapSize++] = point
    for (let k = (this.heapSize >> 1) - 1; k >= 0; k--) this.siftDown(k)
  }

  /** Squared distance of the nearest point not taken yet; infinite where none is left. */
  get nearestSquared(): number {
    return this.heapSize > 0 ? this.squared[this.heap[0]] : Infinity
  }

  /** Takes the nearest point out; call only while {@link nearestSquared} is finite. */
  takeNearest(): number {
    const point = this.heap[0]
    this.heap[0] = this.heap[--this.heapSize]
    this.siftDown(0)
    return point
  }

  private siftDown(start: number): void {
    const { heap, squared, heapSize } = this
    const moving = heap[start]
    let k = start
    for (let child = 2 * k + 1; child < heapSize; child = 2 * k + 1) {
      if (child + 1 < heapSize && isNearer(squared, heap[child + 1], heap[child])) child++
      if (!isNearer(squared, heap[child], moving)) break
      heap[k] = heap[child]
      k = child
    }
    heap[k] = moving
  }

  private grow(): void {
    if (this.count >= MAX_POINTS) {
      throw new GeometryError(
        'voronoi_failed',
        `a Voronoi cell needs more than ${MAX_POINTS} points: the cell is too elongated or too empty for a graph`,
      )
    }
    const grown = <T extends Float64Array | Uint16Array | Int16Array | Uint32Array>(
      array: T,
      make: new (n: number) => T,
    ): T => {
      const larger = new make(2 * array.length)
      larger.set(array)
      return larger
    }
    this.x = grown(this.x, Float64Array)
    this.y = grown(this.y, Float64Array)
    this.z = grown(this.z, Float64Array)
    this.squared = grown(this.squared, Float64Array)
    this.sites = grown(this.sites, Uint16Array)
    this.images = grown(this.images, Int16Array)
    this.heap = grown(this.heap, Uint32Array)
  }
}

function isNearer(squared: Float64Array, p: number, q: number): boolean {
  return squared[p] < squared[q] || (squared[p] === squared[q] && p < q)
}
