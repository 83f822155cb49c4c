import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { analyze_cell, initSync, type MoyoDataset, type MoyoOperation } from '@spglib/moyo-wasm'
import { GeometryError } from './geometry-error.js'
import { validateSkeleton, vectorLength } from './lattice.js'
import { canonicalSiteOrder, invertPermutation } from './site-order.js'
import { siteCount, type Skeleton, type Structure } from './structure.js'

/** Distance within which sites count as symmetrically equivalent, angstrom: pymatgen's and the paper's default. */
export const DEFAULT_SYMPREC = 0.01

/**
 * International space group number, 1..230, of a crystal.
 * @param symprec distance tolerance, angstrom
 * @throws GeometryError invalid_lattice, invalid_sites, symmetry_failed
 */
export function spaceGroupNumber(structure: Structure, symprec = DEFAULT_SYMPREC): number {
  return analyze(structure, structure.species, canonicalSiteOrder(structure), symprec).number
}

/**
 * International space group number, 1..230, of a skeleton: of the crystal with one element on every site.
 * @param symprec distance tolerance, angstrom
 * @throws GeometryError invalid_lattice, invalid_sites, symmetry_failed
 */
export function skeletonSpaceGroup(skeleton: Skeleton, symprec = DEFAULT_SYMPREC): number {
  return analyze(skeleton, new Uint8Array(siteCount(skeleton)), canonicalSiteOrder(skeleton), symprec).number
}

/**
 * The distinct permutations of the sites that the space-group operations of the skeleton (one element on every site)
 * induce, centring translations included: fillings that they carry into each other are the same crystal.
 * @param symprec distance tolerance, angstrom
 * @returns the identity first; site i is carried to site `permutation[i]`
 * @throws GeometryError invalid_lattice, invalid_sites, symmetry_failed
 */
export function sitePermutations(skeleton: Skeleton, symprec = DEFAULT_SYMPREC): Uint16Array[] {
  const sites = siteCount(skeleton)
  const order = canonicalSiteOrder(skeleton)
  const identity = Uint16Array.from(order, (_, site) => site)
  if (sites === 1) return [identity]
  const rank = invertPermutation(order)
  const { operations } = analyze(skeleton, new Uint8Array(sites), order, symprec)
  const distinct = new Map([[identity.join(), identity]])
  for (const operation of operations) {
    const images = inducedPermutation(skeleton, order, operation, symprec)
    const permutation = Uint16Array.from(rank, (k) => order[images[k]])
    distinct.set(permutation.join(), permutation)
  }
  return [...distinct.values()]
}

/** moyo's data set of a crystal whose sites are listed in a given order. */
function analyze(skeleton: Skeleton, species: Uint8Array, order: Uint16Array, symprec: number): MoyoDataset {
  validateSkeleton(skeleton)
  loadMoyo()
  const cell = {
    lattice: { basis: [...skeleton.lattice] },
    positions: Array.from(order, (site) => [...skeleton.fracCoords.subarray(3 * site, 3 * site + 3)]),
    numbers: Array.from(order, (site) => species[site] + 1),
  }
  try {
    return analyze_cell(JSON.stringify(cell), symprec, 'Standard')
  } catch (error) {
    throw new GeometryError(
      'symmetry_failed',
      `no space group was found (${error instanceof Error ? error.message : String(error)}): ` +
        `look for sites closer than ${symprec} angstrom, or choose another tolerance`,
      { cause: error },
    )
  }
}

let isMoyoLoaded = false

/** Compiles the WebAssembly module on first use: its own loader fetches over HTTP, which a file in Node does not need. */
function loadMoyo(): void {
  if (isMoyoLoaded) return
  const path = createRequire(import.meta.url).resolve('@spglib/moyo-wasm/moyo_wasm_bg.wasm')
  initSync({ module: readFileSync(path) })
  isMoyoLoaded = true
}

/**
 * Positions in `order` to which an operation carries the sites `order[0], order[1], ...`.
 * moyo accepts an operation whose mean residual is within symprec, so that a single site may be a little further off.
 */
function inducedPermutation(
  { lattice, fracCoords }: Skeleton,
  order: Uint16Array,
  { rotation: r, translation: t }: MoyoOperation,
  symprec: number,
): Uint16Array {
  const tolerance = 2 * symprec
  const images = new Uint16Array(order.length)
  const isTaken = new Uint8Array(order.length)
  order.forEach((site, k) => {
    const [x, y, z] = fracCoords.subarray(3 * site, 3 * site + 3)
    // moyo's matrices arrive column by column.
    const [u, v, w] = [0, 1, 2].map((row) => r[row] * x + r[3 + row] * y + r[6 + row] * z + t[row])
    let nearest = -1
    let shortest = tolerance
    order.forEach((other, at) => {
      const [du, dv, dw] = [fracCoords[3 * other] - u, fracCoords[3 * other + 1] - v, fracCoords[3 * other + 2] - w]
      const distance = vectorLength(du - Math.round(du), dv - Math.round(dv), dw - Math.round(dw), lattice)
      if (distance <= shortest && !isTaken[at]) {
        shortest = distance
        nearest = at
      }
    })
    if (nearest < 0) {
      throw new GeometryError(
        'symmetry_failed',
        `a symmetry operation carries site ${site} to a place without a site of its own: choose another tolerance`,
      )
    }
    isTaken[nearest] = 1
    images[k] = nearest
  })
  return images
}
