import { GeometryError } from '../crystal/geometry-error.js'

/** Points this close to a plane (angstrom) lie on it. */
const PLANE_TOLERANCE = 1e-8
/** Corners this close to each other (angstrom) are one corner. */
const MERGE_DISTANCE_SQUARED = (4 * PLANE_TOLERANCE) ** 2

const MAX_CORNERS = 1024
const MAX_FACES = 512
const MAX_CORNERS_OF_FACE = 128

/** Label of the faces of the starting box. */
const BOX = -1

const INSIDE = 0
const ON_PLANE = 1
const OUTSIDE = 2

/**
 * The Voronoi cell of a point at the origin: a large box, cut by the bisector planes of its neighbours one after
 * another. Faces are rings of corners; corners live in one pool. One object is
 * reused for every site: nothing is allocated after construction.
 */
export class VoronoiCell {
  private readonly x = new Float64Array(MAX_CORNERS)
  private readonly y = new Float64Array(MAX_CORNERS)
  private readonly z = new Float64Array(MAX_CORNERS)
  private readonly radius = new Float64Array(MAX_CORNERS)
  /** Signed distance of a corner from the plane in hand, and its side of it. */
  private readonly height = new Float64Array(MAX_CORNERS)
  private readonly side = new Uint8Array(MAX_CORNERS)

  private readonly corners = new Uint16Array(MAX_CORNERS)
  private cornerCount = 0
  private readonly freeCorners = new Uint16Array(MAX_CORNERS)
  private freeCount = 0
  /** Corners from here on have not been used since the last reset. */
  private freshCorner = 0

  private readonly rings = new Uint16Array(MAX_FACES * MAX_CORNERS_OF_FACE)
  private readonly ringLength = new Uint16Array(MAX_FACES)
  private readonly labels = new Int32Array(MAX_FACES)
  private faceCount = 0

  private readonly ring = new Uint16Array(2 * MAX_CORNERS_OF_FACE)
  /** Corners of the new face, and the edges (inside, outside corner) that were cut to make them. */
  private readonly cap = new Uint16Array(MAX_CORNERS)
  private readonly capAngle = new Float64Array(MAX_CORNERS)
  private capLength = 0
  private readonly cutInside = new Uint16Array(MAX_CORNERS)
  private readonly cutOutside = new Uint16Array(MAX_CORNERS)
  private readonly cutCorner = new Uint16Array(MAX_CORNERS)
  private cutCount = 0

  private largestSquared = 0

  /** Squared distance of the farthest corner, square angstrom. A plane at more than this cannot cut. */
  get maxRadiusSquared(): number {
    return this.largestSquared
  }

  /** Whether planes alone, and none of the box, enclose the origin. */
  get isBounded(): boolean {
    for (let face = 0; face < this.faceCount; face++) if (this.labels[face] === BOX) return false
    return true
  }

  /** Starts again from a cube around the origin. */
  reset(halfWidth: number): void {
    this.cornerCount = 0
    this.faceCount = 0
    this.freeCount = 0
    this.freshCorner = 0
    for (let k = 0; k < 8; k++) {
      const id = this.newCorner(
        k & 1 ? halfWidth : -halfWidth,
        k & 2 ? halfWidth : -halfWidth,
        k & 4 ? halfWidth : -halfWidth,
      )
      this.corners[this.cornerCount++] = id
    }
    for (let axis = 0; axis < 3; axis++) {
      const [u, v] = [1 << ((axis + 1) % 3), 1 << ((axis + 2) % 3)]
      for (const base of [0, 1 << axis]) {
        const start = this.faceCount * MAX_CORNERS_OF_FACE
        ;[base, base + u, base + u + v, base + v].forEach((k, at) => (this.rings[start + at] = this.corners[k]))
        this.ringLength[this.faceCount] = 4
        this.labels[this.faceCount++] = BOX
      }
    }
    this.largestSquared = 3 * halfWidth * halfWidth
  }

  /**
   * Cuts away what lies nearer to the point (px, py, pz) than to the origin; the new face carries `label` >= 0.
   * @throws GeometryError voronoi_failed for a cell of more than a hundred corners to a face
   */
  cut(px: number, py: number, pz: number, squared: number, label: number): void {
    if (!this.classify(px, py, pz, squared)) return
    this.cutCount = 0
    let kept = 0
    for (let face = 0; face < this.faceCount; face++) {
      const length = this.clipFace(face)
      if (length < 3) continue
      if (kept !== face) {
        const [to, from] = [kept * MAX_CORNERS_OF_FACE, face * MAX_CORNERS_OF_FACE]
        for (let k = 0; k < length; k++) this.rings[to + k] = this.rings[from + k]
        this.labels[kept] = this.labels[face]
      }
      this.ringLength[kept++] = length
    }
    this.faceCount = kept
    this.discardOutside()
    if (this.capLength >= 3) this.closeCap(px, py, pz, label)
  }

  /**
   * Solid angles of the faces, steradian, in `angles[0..n)`, their labels in `labels[0..n)`; box faces left out.
   * @returns n
   */
  solidAngles(angles: Float64Array, labels: Int32Array): number {
    const { x, y, z, radius, rings } = this
    for (let k = 0; k < this.cornerCount; k++) {
      const id = this.corners[k]
      radius[id] = Math.sqrt(x[id] * x[id] + y[id] * y[id] + z[id] * z[id])
    }
    let count = 0
    for (let face = 0; face < this.faceCount; face++) {
      if (this.labels[face] === BOX) continue
      const start = face * MAX_CORNERS_OF_FACE
      const end = start + this.ringLength[face]
      const o = rings[start]
      // Each triangle (o, p, q) of the fan spans 2 atan2(triple, base). The arguments of complex numbers add up in
      // their product, so one atan2 serves the whole face: half of a face is below pi.
      let real = 1
      let imaginary = 0
      for (let at = start + 1; at + 1 < end; at++) {
        const p = rings[at]
        const q = rings[at + 1]
        const triple =
          x[o] * (y[p] * z[q] - z[p] * y[q]) + y[o] * (z[p] * x[q] - x[p] * z[q]) + z[o] * (x[p] * y[q] - y[p] * x[q])
        const po = x[o] * x[p] + y[o] * y[p] + z[o] * z[p]
        const qo = x[o] * x[q] + y[o] * y[q] + z[o] * z[q]
        const pq = x[p] * x[q] + y[p] * y[q] + z[p] * z[q]
        // Divided by the three lengths, which keeps the product of many triangles near 1.
        const scale = 1 / (radius[o] * radius[p] * radius[q])
        const s = Math.abs(triple) * scale
        const c = 1 + (radius[q] * po + radius[p] * qo + radius[o] * pq) * scale
        const turned = real * c - imaginary * s
        imaginary = real * s + imaginary * c
        real = turned
      }
      angles[count] = 2 * Math.atan2(imaginary, real)
      labels[count++] = this.labels[face]
    }
    return count
  }

  /** Finds the side of every corner and lists those on the plane as the start of the cap; false if none is outside. */
  private classify(px: number, py: number, pz: number, squared: number): boolean {
    const { x, y, z, corners, cornerCount, height, side } = this
    const distance = Math.sqrt(squared)
    const [nx, ny, nz] = [px / distance, py / distance, pz / distance]
    const offset = distance / 2
    let highest = -1
    for (let k = 0; k < cornerCount; k++) {
      const id = corners[k]
      const h = nx * x[id] + ny * y[id] + nz * z[id] - offset
      height[id] = h
      if (h > highest) highest = h
    }
    if (highest <= PLANE_TOLERANCE) return false
    this.capLength = 0
    for (let k = 0; k < cornerCount; k++) {
      const id = corners[k]
      const h = height[id]
      if (h > PLANE_TOLERANCE) side[id] = OUTSIDE
      else if (h < -PLANE_TOLERANCE) side[id] = INSIDE
      else {
        side[id] = ON_PLANE
        this.cap[this.capLength++] = id
      }
    }
    return true
  }

  /** Removes the part of a face beyond the plane, in place. Returns its number of corners, below 3 if none is left. */
  private clipFace(face: number): number {
    const { rings, ring, side } = this
    const start = face * MAX_CORNERS_OF_FACE
    const end = start + this.ringLength[face]
    let at = start
    while (at < end && side[rings[at]] !== OUTSIDE) at++
    if (at === end) return end - start

    let length = 0
    let previous = rings[end - 1]
    for (at = start; at < end; at++) {
      const current = rings[at]
      if (side[previous] + side[current] === OUTSIDE && side[previous] !== side[current]) {
        const crossing = side[current] === OUTSIDE ? this.crossing(previous, current) : this.crossing(current, previous)
        if (length === 0 || ring[length - 1] !== crossing) ring[length++] = crossing
      }
      if (side[current] !== OUTSIDE && (length === 0 || ring[length - 1] !== current)) ring[length++] = current
      previous = current
    }
    if (length > 1 && ring[0] === ring[length - 1]) length--
    if (length > MAX_CORNERS_OF_FACE) throw tooComplex()
    for (let k = 0; k < length; k++) rings[start + k] = ring[k]
    return length
  }

  /** The corner where the plane cuts an edge; the two faces of the edge share it. */
  private crossing(inside: number, outside: number): number {
    const { x, y, z, height, cap, cutInside, cutOutside } = this
    for (let k = 0; k < this.cutCount; k++) {
      if (cutInside[k] === inside && cutOutside[k] === outside) return this.cutCorner[k]
    }
    const t = height[inside] / (height[inside] - height[outside])
    const cx = x[inside] + t * (x[outside] - x[inside])
    const cy = y[inside] + t * (y[outside] - y[inside])
    const cz = z[inside] + t * (z[outside] - z[inside])
    let id = -1
    for (let k = 0; k < this.capLength && id < 0; k++) {
      const other = cap[k]
      const apart = (x[other] - cx) ** 2 + (y[other] - cy) ** 2 + (z[other] - cz) ** 2
      if (apart <= MERGE_DISTANCE_SQUARED) id = other
    }
    if (id < 0) {
      id = this.newCorner(cx, cy, cz)
      this.side[id] = ON_PLANE
      cap[this.capLength++] = id
      this.corners[this.cornerCount++] = id
    }
    cutInside[this.cutCount] = inside
    cutOutside[this.cutCount] = outside
    this.cutCorner[this.cutCount++] = id
    return id
  }

  private discardOutside(): void {
    const { x, y, z, corners, side } = this
    let kept = 0
    let largest = 0
    for (let k = 0; k < this.cornerCount; k++) {
      const id = corners[k]
      if (side[id] === OUTSIDE) {
        this.freeCorners[this.freeCount++] = id
      } else {
        corners[kept++] = id
        const squared = x[id] * x[id] + y[id] * y[id] + z[id] * z[id]
        if (squared > largest) largest = squared
      }
    }
    this.cornerCount = kept
    this.largestSquared = largest
  }

  /** Adds the face on the plane: its corners ordered by their angle around the middle of the cap. */
  private closeCap(px: number, py: number, pz: number, label: number): void {
    const { x, y, z, cap, capAngle, capLength } = this
    if (capLength > MAX_CORNERS_OF_FACE || this.faceCount === MAX_FACES) throw tooComplex()
    let [mx, my, mz] = [0, 0, 0]
    for (let k = 0; k < capLength; k++) {
      mx += x[cap[k]]
      my += y[cap[k]]
      mz += z[cap[k]]
    }
    mx /= capLength
    my /= capLength
    mz /= capLength
    // One axis towards the first corner, the other at right angles to it and to the normal, of any lengths that agree.
    const norm = Math.sqrt(px * px + py * py + pz * pz)
    const [ux, uy, uz] = [x[cap[0]] - mx, y[cap[0]] - my, z[cap[0]] - mz]
    const [vx, vy, vz] = [(py * uz - pz * uy) / norm, (pz * ux - px * uz) / norm, (px * uy - py * ux) / norm]
    for (let k = 0; k < capLength; k++) {
      const id = cap[k]
      const [dx, dy, dz] = [x[id] - mx, y[id] - my, z[id] - mz]
      const angle = pseudoAngle(dx * ux + dy * uy + dz * uz, dx * vx + dy * vy + dz * vz)
      let at = k
      for (; at > 0 && capAngle[at - 1] > angle; at--) {
        capAngle[at] = capAngle[at - 1]
        cap[at] = cap[at - 1]
      }
      capAngle[at] = angle
      cap[at] = id
    }
    const start = this.faceCount * MAX_CORNERS_OF_FACE
    for (let k = 0; k < capLength; k++) this.rings[start + k] = cap[k]
    this.ringLength[this.faceCount] = capLength
    this.labels[this.faceCount++] = label
  }

  private newCorner(x: number, y: number, z: number): number {
    if (this.freeCount === 0 && this.freshCorner === MAX_CORNERS) throw tooComplex()
    const id = this.freeCount > 0 ? this.freeCorners[--this.freeCount] : this.freshCorner++
    this.x[id] = x
    this.y[id] = y
    this.z[id] = z
    return id
  }
}

/** A number in [0, 4) that grows with the angle of (x, y), without a call of atan2. */
function pseudoAngle(x: number, y: number): number {
  const ratio = y / (Math.abs(x) + Math.abs(y))
  if (x < 0) return 2 - ratio
  return y < 0 ? 4 + ratio : ratio
}

function tooComplex(): GeometryError {
  return new GeometryError(
    'voronoi_failed',
    'a Voronoi cell has more corners than a crystal can give it: look for sites that lie almost on each other',
  )
}
