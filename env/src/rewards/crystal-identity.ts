import {
  cellVolume,
  GeometryError,
  matchSkeletons,
  sitePermutations,
  SYMBOLS,
  type Skeleton,
  type Structure,
} from '@unitcell/datasets'
import { LRUCache } from 'lru-cache'

/**
 * How far apart sites, and ends of cell vectors, of one crystal may be in two descriptions of it, angstrom: more than the
 * rounding of file formats with eight digits, little enough that energies agree to about 1e-5 Ry.
 */
export const SAME_CRYSTAL_ANGSTROM = 1e-4

/**
 * Relative difference in volume within which crystals are compared in detail: more than `SAME_CRYSTAL_ANGSTROM` makes in
 * any cell that a calculation takes.
 */
export const VOLUME_TOLERANCE = 1e-3

/** A filled crystal, with what finds the few others it could be the same as. */
export interface FilledCrystal {
  readonly structure: Structure
  /** Symbols and counts of the cell by atomic number, `Na2Cl2`: the same for the same crystal. */
  readonly composition: string
  /** Of the cell, cubic angstrom: for the same crystal within `VOLUME_TOLERANCE`. */
  readonly volume: number
  /** Equal for equal numbers in equal order; the same crystal has as many as it has descriptions. */
  readonly description: string
  /** The site permutations of the skeleton's symmetry, where they are at hand: finding them takes milliseconds. */
  readonly permutations?: (() => readonly SitePermutation[]) | undefined
}

/** Site i is carried to site `permutation[i]`. */
type SitePermutation = ArrayLike<number>

/**
 * @param species the filling, in the site order of `skeleton`
 * @param permutations of the skeleton, symprec 0.01, where they are known
 */
export function filledCrystal(
  { lattice, fracCoords }: Skeleton,
  species: Uint8Array,
  permutations?: () => readonly SitePermutation[],
): FilledCrystal {
  return {
    structure: { lattice, fracCoords, species },
    permutations,
    composition: cellFormula(species),
    volume: cellVolume(lattice),
    description: bytesOf(lattice) + bytesOf(fracCoords) + bytesOf(species),
  }
}

/**
 * Whether two descriptions are of one crystal, whatever the order of the sites, the origin, the orientation in space and
 * the choice of cell vectors for the lattice; mirror images, and fillings that an operation of the skeleton's space group
 * carries into each other, are one crystal. (A grid of k points along the reciprocal vectors is the same for every choice
 * of cell vectors, so such crystals have the same energies.) Different crystals are never one: sites and cell vectors are
 * compared to `SAME_CRYSTAL_ANGSTROM`, operations to symprec 0.01.
 */
export function isSameCrystal(a: FilledCrystal, b: FilledCrystal): boolean {
  if (a.description === b.description) return true
  if (a.composition !== b.composition || Math.abs(a.volume - b.volume) > VOLUME_TOLERANCE * b.volume) return false
  const match = matchOf(a.structure, b.structure)
  if (match === null) return false
  const isCarriedOver = (target: (site: number) => number) => {
    return a.structure.species.every((element, site) => element === b.structure.species[target(site)])
  }
  if (isCarriedOver((site) => match[site])) return true
  return a.permutations
    ? a.permutations().some((permutation) => isCarriedOver((site) => match[permutation[site]]))
    : permutationsOf(b.structure).some((permutation) => isCarriedOver((site) => permutation[match[site]]))
}

/** `match` with site i of `a` on site `match[i]` of `b`, if their skeletons coincide; null otherwise. */
function matchOf(a: Structure, b: Structure): SitePermutation | null {
  if (bytesOf(a.lattice) === bytesOf(b.lattice) && bytesOf(a.fracCoords) === bytesOf(b.fracCoords)) {
    return Uint16Array.from(a.species.keys())
  }
  return geometryOr(null, () => matchSkeletons(a, b, SAME_CRYSTAL_ANGSTROM))
}

const knownPermutations = new LRUCache<string, readonly Uint16Array[]>({ max: 2000 })

/** `sitePermutations`, kept for the skeletons used last: finding them takes longer than everything else here. */
function permutationsOf(skeleton: Skeleton): readonly Uint16Array[] {
  const key = bytesOf(skeleton.lattice) + bytesOf(skeleton.fracCoords)
  const known = knownPermutations.get(key)
  if (known) return known
  const found = geometryOr([], () => sitePermutations(skeleton))
  knownPermutations.set(key, found)
  return found
}

/** A value, or `otherwise` for geometry too odd for it: such a crystal is then the same as fewer others. */
function geometryOr<T>(otherwise: T, find: () => T): T {
  try {
    return find()
  } catch (error) {
    if (error instanceof GeometryError) return otherwise
    throw error
  }
}

function cellFormula(species: Uint8Array): string {
  const atoms = new Map<number, number>()
  for (const element of species) atoms.set(element, (atoms.get(element) ?? 0) + 1)
  return [...atoms]
    .sort(([a], [b]) => a - b)
    .map(([element, count]) => `${SYMBOLS[element] ?? '?'}${count}`)
    .join('')
}

function bytesOf(array: Float64Array | Uint8Array): string {
  return Buffer.from(array.buffer, array.byteOffset, array.byteLength).toString('latin1')
}

/** Things by crystal: what is put in for one description is found by every other. */
export class CrystalIndex<T> {
  readonly #byComposition = new Map<string, { readonly crystal: FilledCrystal; readonly value: T }[]>()

  get(crystal: FilledCrystal): T | undefined {
    const alike = this.#byComposition.get(crystal.composition) ?? []
    return alike.find((entry) => isSameCrystal(crystal, entry.crystal))?.value
  }

  /** The crystal must not be in yet. */
  add(crystal: FilledCrystal, value: T): void {
    const alike = this.#byComposition.get(crystal.composition)
    if (alike) alike.push({ crystal, value })
    else this.#byComposition.set(crystal.composition, [{ crystal, value }])
  }

  /** @param crystal the very one that was put in */
  delete(crystal: FilledCrystal): void {
    const left = (this.#byComposition.get(crystal.composition) ?? []).filter((entry) => entry.crystal !== crystal)
    if (left.length > 0) this.#byComposition.set(crystal.composition, left)
    else this.#byComposition.delete(crystal.composition)
  }
}
