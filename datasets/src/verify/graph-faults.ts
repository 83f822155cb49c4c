import { cellVolume } from '../crystal/lattice.js'
import { adjacency, isConnected } from '../graph/traversal.js'
import type { CrystalShard } from '../store/shard.js'

/** Largest difference between a stored edge length and that of its sites, angstrom. */
const LENGTH_TOLERANCE_ANGSTROM = 1e-6

/** What is wrong with the geometry, graph or symmetry of a crystal; empty for a sound one. */
export function graphFaults(shard: CrystalShard, row: number): string[] {
  const faults: string[] = []
  const { lattice, fracCoords, species } = shard.structure(row)
  const { edges, images, distances } = shard.graph(row)
  const sites = species.length
  if (![...lattice, ...fracCoords].every(Number.isFinite)) faults.push('a coordinate is not a number')
  else if (!(cellVolume(lattice) > 0)) faults.push('the cell has no volume')
  let before = ''
  for (let e = 0; e < distances.length; e++) {
    const [from, to] = [edges[2 * e], edges[2 * e + 1]]
    const image = [...images.subarray(3 * e, 3 * e + 3)]
    const name = `edge ${from}-${to} [${image.join()}]`
    if (from > to) faults.push(`${name} runs from the higher site`)
    if (from === to && !((image.find((n) => n !== 0) ?? 0) > 0)) faults.push(`${name} of a site to itself points back`)
    const length = edgeLength(lattice, fracCoords, from, to, image)
    if (!(Math.abs(length - distances[e]) <= LENGTH_TOLERANCE_ANGSTROM)) {
      faults.push(`${name} is ${length.toFixed(6)} angstrom long, not ${distances[e].toFixed(6)}`)
    }
    const key = sortKey(from, to, image)
    if (key === before) faults.push(`${name} is there twice`)
    else if (key < before) faults.push(`${name} is out of order`)
    before = key
  }
  if (isConnected(adjacency({ edges }, sites)) !== shard.connected(row)) faults.push('the flag `connected` is wrong')
  faults.push(...permutationFaults(shard.permutations(row), sites))
  return faults
}

function permutationFaults(permutations: readonly ArrayLike<number>[], sites: number): string[] {
  const faults: string[] = []
  let hasIdentity = false
  for (const permutation of permutations) {
    const list = Array.from(permutation)
    if (new Set(list).size !== sites) faults.push(`[${list.join()}] is no permutation of the sites`)
    hasIdentity ||= list.every((image, site) => image === site)
  }
  if (!hasIdentity) faults.push('the identity is missing among the permutations')
  return faults
}

/** Sorts as text like the numbers of an edge one after the other. */
function sortKey(from: number, to: number, image: readonly number[]): string {
  return String.fromCharCode(from, to, ...image.map((n) => n + 128))
}

function edgeLength(
  lattice: Float64Array,
  fracCoords: Float64Array,
  from: number,
  to: number,
  image: readonly number[],
): number {
  const step = [0, 1, 2].map((k) => fracCoords[3 * to + k] + image[k] - fracCoords[3 * from + k])
  const cartesian = [0, 1, 2].map((k) => step[0] * lattice[k] + step[1] * lattice[3 + k] + step[2] * lattice[6 + k])
  return Math.hypot(...cartesian)
}
