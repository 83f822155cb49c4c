import { ELEMENT_COUNT } from '@unitcell/datasets'
import type { EpisodeGraph, VectorObservation } from '@unitcell/protocol'
import type { SkeletonIndex } from '@unitcell/retrieval'
import type { Agent } from '@unitcell/training'

/** Similar crystals kept for an episode: the first is copied, the others serve where a mask forbids its element. */
const ALTERNATIVES = 10

/**
 * The retrieval baseline: fills every site with the element that the matching site of the most similar training
 * skeleton has. Where no training skeleton has as many sites it takes the commonest training element.
 */
export class NearestSkeletonAgent implements Agent {
  readonly name = 'nearest-skeleton'
  readonly #choices = new WeakMap<EpisodeGraph, Uint8Array[]>()

  constructor(readonly index: SkeletonIndex) {}

  act({ focus, graphs }: Pick<VectorObservation, 'focus' | 'graphs'>, mask: Uint8Array | null): Uint8Array {
    return Uint8Array.from(focus, (site, env) => {
      if (site < 0) return 0
      const choices = this.#choicesFor(graphs[env]).map((elements) => elements[site])
      if (mask === null) return choices[0]
      const allowed = mask.subarray(env * ELEMENT_COUNT, (env + 1) * ELEMENT_COUNT)
      return choices.find((element) => allowed[element] === 1) ?? Math.max(0, allowed.indexOf(1))
    })
  }

  /** Fillings of a skeleton, best first; found once an episode. */
  #choicesFor(graph: EpisodeGraph): Uint8Array[] {
    let choices = this.#choices.get(graph)
    if (choices === undefined) {
      choices = this.index.nearest(graph, ALTERNATIVES).map(({ elements }) => elements)
      choices.push(new Uint8Array(graph.sites).fill(this.index.commonestElement))
      this.#choices.set(graph, choices)
    }
    return choices
  }
}
