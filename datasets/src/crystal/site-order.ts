import { wrapFraction } from './lattice.js'
import { siteCount, type Skeleton, type Structure } from './structure.js'

/**
 * The order of sites that a file's listing cannot influence: lexicographic by wrapped fractional coordinates.
 * Results computed in this order and mapped back are bitwise the same for every listing of the same sites.
 * @returns N site indices: position k of the order holds site `order[k]`.
 */
export function canonicalSiteOrder(skeleton: Skeleton): Uint16Array {
  const wrapped = skeleton.fracCoords.map(wrapFraction)
  const order = Uint16Array.from({ length: siteCount(skeleton) }, (_, site) => site)
  return order.sort(
    (i, j) =>
      wrapped[3 * i] - wrapped[3 * j] ||
      wrapped[3 * i + 1] - wrapped[3 * j + 1] ||
      wrapped[3 * i + 2] - wrapped[3 * j + 2],
  )
}

/** The position at which a permutation holds each index: `inverse[permutation[k]] = k`. */
export function invertPermutation(permutation: Uint16Array): Uint16Array {
  const inverse = new Uint16Array(permutation.length)
  permutation.forEach((index, position) => (inverse[index] = position))
  return inverse
}

/** The skeleton with its sites listed in another order: new site k is old site `order[k]`. */
export function permuteSkeleton(skeleton: Skeleton, order: Uint16Array): Skeleton {
  const fracCoords = new Float64Array(skeleton.fracCoords.length)
  order.forEach((site, k) => fracCoords.set(skeleton.fracCoords.subarray(3 * site, 3 * site + 3), 3 * k))
  return { lattice: skeleton.lattice, fracCoords }
}

/** The structure with its sites listed in another order: new site k is old site `order[k]`. */
export function permuteStructure(structure: Structure, order: Uint16Array): Structure {
  const species = Uint8Array.from(order, (site) => structure.species[site])
  return { ...permuteSkeleton(structure, order), species }
}
