import { GeometryError } from '../crystal/geometry-error.js'
import { validateSkeleton, vectorLength, wrapFraction } from '../crystal/lattice.js'
import { canonicalSiteOrder, permuteSkeleton } from '../crystal/site-order.js'
import { siteCount, type Skeleton } from '../crystal/structure.js'
import type { CrystalGraph } from './crystal-graph.js'
import { voronoiFaces } from './voronoi.js'

/** Weights are rounded to thousandths, and so can be counted in them. */
const WEIGHT_STEPS = 1000

/** E(x) = (x sqrt(1 - x^2) + asin x) / 2, the area of a quarter of the unit disc up to x, at every possible weight. */
const quarterDiscArea = Float64Array.from({ length: WEIGHT_STEPS + 1 }, (_, step) => {
  const x = step / WEIGHT_STEPS
  return (x * Math.sqrt(1 - x * x) + Math.asin(x)) / 2
})

/** Cell images of an edge must fit in a signed byte. */
const MAX_IMAGE = 127
/** An edge is packed into one exact integer of a double: N^2 pairs times 2^24 images. */
const MAX_SITES = 16_384

/**
 * Neighbour graph of a skeleton by pymatgen's CrystalNN with distance_cutoffs=None, x_diff_weight=-1,
 * porous_adjustment=False (Pan et al., Inorg. Chem. 60, 1590 (2021)), undirected. The listed order of the sites has no influence: another order
 * gives the same edges under their new names, with bitwise the same distances.
 * @returns edges i <= j sorted by (i, j, image); images count from the coordinates as given, wrapped or not
 * @throws GeometryError invalid_lattice, invalid_sites, coincident_sites, crystal_too_large, voronoi_failed
 */
export function crystalNN(skeleton: Skeleton): CrystalGraph {
  validateSkeleton(skeleton)
  const sites = siteCount(skeleton)
  if (sites > MAX_SITES) {
    throw new GeometryError('crystal_too_large', `${sites} sites: a graph has at most ${MAX_SITES}`)
  }
  const wrapped = { lattice: skeleton.lattice, fracCoords: skeleton.fracCoords.map(wrapFraction) }
  const cells = skeleton.fracCoords.map((value, k) => Math.round(value - wrapped.fracCoords[k]))
  const order = canonicalSiteOrder(wrapped)
  const faces = voronoiFaces(permuteSkeleton(wrapped, order))

  const packed: number[] = []
  for (let k = 0; k < sites; k++) {
    const [start, end] = [faces.offsets[k], faces.offsets[k + 1]]
    const solidAngles = faces.solidAngles.subarray(start, end)
    const weights = neighborWeights(solidAngles)
    const threshold = weightThreshold(weights)
    for (let face = start; face < end; face++) {
      if (weights[face - start] < threshold) continue
      const [i, j] = [order[k], order[faces.sites[face]]]
      const image = [0, 1, 2].map((axis) => faces.images[3 * face + axis] + cells[3 * i + axis] - cells[3 * j + axis])
      packed.push(packEdge(i, j, image, sites))
    }
  }
  return unpackEdges(Float64Array.from(packed).sort(), wrapped, cells)
}

/** Solid angles over the largest of them, in thousandths, rounded half to even (step 4). */
function neighborWeights(solidAngles: Float64Array): Uint16Array {
  const largest = solidAngles.reduce((a, b) => Math.max(a, b))
  return Uint16Array.from(solidAngles, (angle) => roundHalfToEven((angle / largest) * WEIGHT_STEPS))
}

/** The smallest weight of a neighbour: that of the most probable coordination number (step 5). */
function weightThreshold(weights: Uint16Array): number {
  const distinct = [...new Set(weights)].filter((weight) => weight > 0).sort((a, b) => b - a)
  let threshold = distinct[0]
  let largestProbability = -1
  distinct.forEach((weight, k) => {
    const probability = quarterDiscArea[weight] - quarterDiscArea[distinct[k + 1] ?? 0]
    if (probability > largestProbability) {
      largestProbability = probability
      threshold = weight
    }
  })
  return threshold
}

function roundHalfToEven(value: number): number {
  const floor = Math.floor(value)
  const rest = value - floor
  if (rest !== 0.5) return rest < 0.5 ? floor : floor + 1
  return floor % 2 === 0 ? floor : floor + 1
}

/** The undirected edge (step 6) as one integer that sorts like (i, j, image). */
function packEdge(from: number, to: number, image: number[], sites: number): number {
  if (image.some((n) => Math.abs(n) > MAX_IMAGE)) {
    throw new GeometryError(
      'crystal_too_large',
      `an edge between sites ${from} and ${to} spans more than ${MAX_IMAGE} cells: wrap the coordinates into [0, 1)`,
    )
  }
  const isReversed = from > to || (from === to && (image.find((n) => n !== 0) ?? 0) < 0)
  const [i, j, sign] = isReversed ? [to, from, -1] : [from, to, 1]
  return image.reduce((key, n) => key * 256 + (sign * n + 128), i * sites + j)
}

/** Drops repeated edges and finds the length of each. */
function unpackEdges(sorted: Float64Array, wrapped: Skeleton, cells: Float64Array): CrystalGraph {
  const sites = siteCount(wrapped)
  const keys = sorted.filter((key, k) => k === 0 || key !== sorted[k - 1])
  const edges = new Uint16Array(2 * keys.length)
  const images = new Int8Array(3 * keys.length)
  const distances = new Float64Array(keys.length)
  const difference = new Float64Array(3)
  keys.forEach((key, edge) => {
    let rest = key
    for (let axis = 2; axis >= 0; axis--) {
      images[3 * edge + axis] = (rest % 256) - 128
      rest = Math.floor(rest / 256)
    }
    const [i, j] = [Math.floor(rest / sites), rest % sites]
    edges.set([i, j], 2 * edge)
    // The difference of the wrapped coordinates first: exactly the negative for the edge seen from the other end.
    for (let axis = 0; axis < 3; axis++) {
      const cellsApart = images[3 * edge + axis] + cells[3 * j + axis] - cells[3 * i + axis]
      difference[axis] = wrapped.fracCoords[3 * j + axis] - wrapped.fracCoords[3 * i + axis] + cellsApart
    }
    distances[edge] = vectorLength(difference[0], difference[1], difference[2], wrapped.lattice)
  })
  return { edges, images, distances }
}
