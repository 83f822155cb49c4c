import {
  ELEMENT_COUNT,
  matchSkeletons,
  siteCount,
  cellVolume,
  type CrystalDataSet,
  type Labels,
  type Skeleton,
} from '@unitcell/datasets'
import type { Evaluation, Evaluator, SkeletonSource } from '../mdp/evaluation.js'

interface LabelledSkeleton {
  readonly split: string
  readonly index: number
  readonly sites: number
  /** angstrom^3 */
  readonly volume: number
  readonly fingerprint: number
}

/** Relative difference of volumes below which two skeletons are compared in detail. */
const VOLUME_TOLERANCE = 1e-3

function sameFilling(filling: Uint8Array, species: Uint8Array, permutation: ArrayLike<number>): boolean {
  for (let site = 0; site < filling.length; site++) {
    if (filling[site] !== species[permutation[site]]) return false
  }
  return true
}

/**
 * Per element index a number whose sums hardly ever agree by chance, small enough that those over the largest crystal
 * are exact, whatever the order of the sites.
 */
const fingerprints = Float64Array.from({ length: ELEMENT_COUNT }, (_, element) => (element + 1) ** 5)

/** Equal for fillings of the same composition; hardly ever for others. */
function compositionFingerprint(species: Uint8Array): number {
  let sum = 0
  for (let site = 0; site < species.length; site++) sum += fingerprints[species[site]]
  return sum
}

function hasLabels({ totalEnergyRy, bandGapEv, formationEnergyEvPerAtom }: Labels): boolean {
  return totalEnergyRy !== null || bandGapEv !== null || formationEnergyEvPerAtom !== null
}

/**
 * Evaluates by the labels of a data set: a filling is known when it equals a labelled crystal on the same skeleton, up to
 * the symmetry of the skeleton. Everything else fails with class `unlabelled`.
 */
export class RecordedLabels implements Evaluator {
  /** Every crystal with labels, by number of sites, then volume. */
  readonly #skeletons: readonly LabelledSkeleton[]
  /** Composition of every crystal, by split and index. */
  readonly #fingerprints = new Map<string, Float64Array>()

  readonly #unlabelled: Evaluation

  constructor(readonly dataset: CrystalDataSet) {
    const message = `no label of data set ${dataset.name} is known for this filling`
    this.#unlabelled = { status: 'failed', source: null, failure: { class: 'unlabelled', message } }
    const skeletons: LabelledSkeleton[] = []
    for (const split of dataset.splits) {
      const records = dataset.split(split)
      const compositions = new Float64Array(records.count)
      this.#fingerprints.set(split, compositions)
      for (let index = 0; index < records.count; index++) {
        const structure = records.structure(index)
        const fingerprint = compositionFingerprint(structure.species)
        compositions[index] = fingerprint
        if (!hasLabels(records.labels(index))) continue
        const { lattice } = structure
        skeletons.push({ split, index, sites: siteCount(structure), volume: cellVolume(lattice), fingerprint })
      }
    }
    this.#skeletons = skeletons.sort((a, b) => a.sites - b.sites || a.volume - b.volume)
  }

  lookup(skeleton: SkeletonSource, species: Uint8Array): Evaluation {
    const labels = this.find(skeleton, species)
    return labels === null ? this.#unlabelled : { status: 'evaluated', source: 'recorded', labels }
  }

  request(skeleton: SkeletonSource, species: Uint8Array): Promise<Evaluation> {
    return Promise.resolve(this.lookup(skeleton, species))
  }

  /** The labels of a filling; null where it has none. */
  find({ origin, skeleton }: SkeletonSource, species: Uint8Array): Labels | null {
    const fingerprint = compositionFingerprint(species)
    const own = origin === null ? null : this.#labelsIfSame(origin.split, origin.index, species, fingerprint)
    return own ?? this.#labelsOfTwin(skeleton, species, fingerprint)
  }

  /** A crystal of the data set on the same skeleton as another, its sites perhaps listed otherwise. */
  #labelsOfTwin(skeleton: Skeleton, species: Uint8Array, fingerprint: number): Labels | null {
    const sites = species.length
    const cell = cellVolume(skeleton.lattice)
    for (let at = this.#firstFrom(sites, cell * (1 - VOLUME_TOLERANCE)); at < this.#skeletons.length; at++) {
      const candidate = this.#skeletons[at]
      if (candidate.sites !== sites || candidate.volume > cell * (1 + VOLUME_TOLERANCE)) break
      if (candidate.fingerprint !== fingerprint) continue
      const match = matchSkeletons(skeleton, this.dataset.split(candidate.split).structure(candidate.index))
      if (match === null) continue
      const filling = new Uint8Array(sites)
      match.forEach((target, site) => (filling[target] = species[site]))
      const labels = this.#labelsIfSame(candidate.split, candidate.index, filling, fingerprint)
      if (labels !== null) return labels
    }
    return null
  }

  /** The crystal's labels if the filling, in its own site order, is the crystal up to its skeleton's symmetry. */
  #labelsIfSame(split: string, index: number, filling: Uint8Array, fingerprint: number): Labels | null {
    if (this.#fingerprints.get(split)![index] !== fingerprint) return null
    const records = this.dataset.split(split)
    const { species } = records.structure(index)
    if (!records.permutations(index).some((permutation) => sameFilling(filling, species, permutation))) return null
    const labels = records.labels(index)
    return hasLabels(labels) ? labels : null
  }

  /** Position of the first skeleton of at least this many sites and this volume. */
  #firstFrom(sites: number, leastVolume: number): number {
    let low = 0
    let high = this.#skeletons.length
    while (low < high) {
      const middle = (low + high) >> 1
      const { sites: n, volume: v } = this.#skeletons[middle]
      if (n < sites || (n === sites && v < leastVolume)) low = middle + 1
      else high = middle
    }
    return low
  }
}
