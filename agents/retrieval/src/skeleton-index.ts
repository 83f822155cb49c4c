import {
  canonicalSiteOrder,
  compositionOf,
  ELEMENT_COUNT,
  permuteSkeleton,
  permuteStructure,
  reducedFormula,
  type CrystalShard,
  type Skeleton,
  type Structure,
} from '@unitcell/datasets'
import { AssignmentSolver } from './assignment.js'
import { coarseDistance, fillCosts, profileOf, type Profile } from './profile.js'

/** Candidates by the coarse comparison whose sites are matched. More change next to nothing. */
const MATCHED_CANDIDATES = 60

/** A crystal that looks like a skeleton. */
export interface SimilarCrystal {
  /** Its place among the crystals of the index. */
  readonly crystal: number
  /** Mean difference of the matched sites' profiles, angstrom; 0: the same profiles. */
  readonly distance: number
  /** N element indices: for each site of the skeleton, the element of its match. */
  readonly elements: Uint8Array
}

interface Entry {
  readonly crystal: number
  readonly formula: string
  readonly profile: Profile
  readonly species: Uint8Array
}

/**
 * Finds the crystals whose skeletons resemble one best: those of the same number of sites, sites matched one to one by
 * their neighbour distances (Hungarian method). The listed order of sites does not count: sites with equal profiles are
 * told apart by a canonical order that the geometry alone decides. (Measured: a random order there does as well.)
 */
export class SkeletonIndex {
  readonly #bySize = new Map<number, Entry[]>()
  readonly #solver: AssignmentSolver
  readonly #cost: Float64Array
  /** The commonest element of the crystals. */
  readonly commonestElement: number

  /** @throws GeometryError coincident_sites, voronoi_failed */
  constructor(structures: Iterable<Structure>) {
    const counts = new Uint32Array(ELEMENT_COUNT)
    let [crystal, largest] = [0, 0]
    for (const listed of structures) {
      const structure = permuteStructure(listed, canonicalSiteOrder(listed))
      const { species } = structure
      const formula = reducedFormula(compositionOf(species))
      const entry = { crystal: crystal++, formula, profile: profileOf(structure), species }
      for (const element of species) counts[element]++
      largest = Math.max(largest, species.length)
      const entries = this.#bySize.get(species.length)
      if (entries === undefined) this.#bySize.set(species.length, [entry])
      else entries.push(entry)
    }
    this.#solver = new AssignmentSolver(largest)
    this.#cost = new Float64Array(largest * largest)
    this.commonestElement = counts.indexOf(Math.max(...counts))
  }

  /** The crystals of a split; `crystal` of an answer is the row. */
  static ofShard(shard: CrystalShard): SkeletonIndex {
    return new SkeletonIndex(Array.from({ length: shard.count }, (_, i) => shard.structure(i)))
  }

  /**
   * The crystals most like a skeleton, best first.
   *
   * @param count at most so many; none where no crystal has as many sites
   * @param withoutFormula leave out the crystals of this reduced formula. For a crystal of the index give its own: the
   *   answer is then as blind to it as it is to a crystal of a validation split, whose formulas are others
   * @throws GeometryError coincident_sites, voronoi_failed
   */
  nearest(skeleton: Skeleton, count: number, withoutFormula?: string): SimilarCrystal[] {
    const order = canonicalSiteOrder(skeleton)
    const profile = profileOf(permuteSkeleton(skeleton, order))
    const entries = (this.#bySize.get(profile.sites) ?? []).filter(({ formula }) => formula !== withoutFormula)
    return entries
      .map((entry) => ({ entry, coarse: coarseDistance(profile, entry.profile) }))
      .sort((a, b) => a.coarse - b.coarse)
      .slice(0, Math.max(MATCHED_CANDIDATES, count))
      .map(({ entry }) => this.#match(profile, order, entry))
      .sort((a, b) => a.distance - b.distance)
      .slice(0, count)
  }

  /** @param order the skeleton's site for each site of its profile */
  #match(profile: Profile, order: Uint16Array, { crystal, profile: other, species }: Entry): SimilarCrystal {
    fillCosts(profile, other, this.#cost)
    const match = new Uint16Array(profile.sites)
    const distance = this.#solver.solve(this.#cost, profile.sites, match) / profile.sites
    const elements = new Uint8Array(profile.sites)
    match.forEach((site, k) => (elements[order[k]] = species[site]))
    return { crystal, distance, elements }
  }
}
