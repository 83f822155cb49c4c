import { compositionOf, ELEMENT_COUNT, reducedFormula, type Skeleton } from '@unitcell/datasets'
import type { SkeletonIndex } from './skeleton-index.js'

/** Similar crystals that vote. */
const VOTERS = 20

/**
 * How fast a vote fades with the voter's distance beyond the nearest one's, angstrom. Chosen on training crystals, each
 * without those of its formula: log-likelihood of the votes, among 0.01, 0.02, 0.04 and 0.08.
 */
const FADING_ANGSTROM = 0.01

/** Numbers per site: the elements' votes, the nearest crystal's element one-hot, its distance, the number of voters. */
const WIDTH = 2 * ELEMENT_COUNT + 2

/**
 * What similar crystals have on each site of a skeleton, as numbers for a network. A skeleton that comes with its
 * `species` is one of the crystals that are searched: those of its formula are left out, so that in training the numbers
 * are as good as they will be for a crystal never seen, and no better.
 */
export function similarCrystalsFeature(index: SkeletonIndex) {
  return {
    name: 'similar-crystals',
    width: WIDTH,
    compute(skeleton: Skeleton & { readonly species?: Uint8Array }): Float32Array {
      const { species } = skeleton
      const formula = species === undefined ? undefined : reducedFormula(compositionOf(species))
      const similar = index.nearest(skeleton, VOTERS, formula)
      const sites = skeleton.fracCoords.length / 3
      const values = new Float32Array(sites * WIDTH)
      if (similar.length === 0) return values
      const nearest = similar[0].distance
      const weights = similar.map(({ distance }) => Math.exp((nearest - distance) / FADING_ANGSTROM))
      const total = weights.reduce((sum, weight) => sum + weight, 0)
      for (let site = 0; site < sites; site++) {
        const row = site * WIDTH
        similar.forEach(({ elements }, voter) => (values[row + elements[site]] += weights[voter] / total))
        values[row + ELEMENT_COUNT + similar[0].elements[site]] = 1
        values[row + 2 * ELEMENT_COUNT] = Math.log(0.01 + nearest) / Math.log(100)
        values[row + 2 * ELEMENT_COUNT + 1] = total / VOTERS
      }
      return values
    },
  }
}
