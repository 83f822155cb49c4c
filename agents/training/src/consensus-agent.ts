import {
  adjacency,
  breadthFirstOrder,
  draw,
  ELEMENT_COUNT,
  randomStream,
  shuffle,
  speciesValidity,
  UNFILLED,
  type RandomGenerator,
} from '@unitcell/datasets'
import type { CrystalInput, NetworkCopy, Packer, QNetwork } from '@unitcell/network'
import type { EpisodeGraph, VectorObservation } from '@unitcell/protocol'
import type { Agent } from './agent.js'
import { chooseAction } from './network-agent.js'

export interface ConsensusOptions {
  /** Fillings that are imagined for a crystal, each in an order of its own. */
  readonly votes: number
  /** At which all but the first of them are drawn, softmax(Q / temperature). */
  readonly temperature: number
  readonly seed?: number
  readonly copy?: NetworkCopy
}

/** `randomStream` purpose. */
const PLANS = 133

/** States that are computed together. */
const BATCH = 256

/** A filling that is being imagined. */
interface Draft {
  readonly crystal: CrystalInput
  readonly graph: EpisodeGraph
  readonly order: Uint16Array
  readonly temperature: number
  readonly elements: Uint8Array
}

/**
 * Thinks a crystal through before it fills it: imagines fillings along breadth-first orders from random sources, and takes
 * the one that agrees best with the others, site by site (minimum Bayes risk for the paper's accuracy), of those that are
 * SMACT-valid where there are any. Where a mask forbids its choice, or the episode did not go as planned, it chooses as
 * the network alone would.
 */
export class ConsensusAgent implements Agent {
  readonly #stream: RandomGenerator
  readonly #plans = new WeakMap<EpisodeGraph, Uint8Array>()

  constructor(
    readonly name: string,
    readonly network: QNetwork,
    readonly packer: Packer,
    readonly options: ConsensusOptions,
  ) {
    this.#stream = randomStream(options.seed ?? 0, PLANS)
  }

  async act({ elements, siteOffsets, focus, graphs }: VectorObservation, mask: Uint8Array | null): Promise<Uint8Array> {
    await this.#plan(graphs.filter((graph, env) => focus[env] >= 0 && !this.#plans.has(graph)))
    const actions = new Uint8Array(focus.length)
    const undecided: number[] = []
    focus.forEach((site, env) => {
      if (site < 0) return
      const plan = this.#plans.get(graphs[env])!
      const filled = elements.subarray(siteOffsets[env], siteOffsets[env + 1])
      const isAsPlanned = filled.every((element, k) => element === UNFILLED || element === plan[k])
      actions[env] = plan[site]
      if (!isAsPlanned || mask?.[ELEMENT_COUNT * env + plan[site]] === 0) undecided.push(env)
    })
    if (undecided.length === 0) return actions
    const values = await this.network.forward(
      this.packer.packObservation({ elements, focus, graphs }),
      this.options.copy,
    )
    for (const env of undecided) {
      const range = [ELEMENT_COUNT * env, ELEMENT_COUNT * (env + 1)] as const
      actions[env] = chooseAction(values.subarray(...range), mask?.subarray(...range) ?? null, 0, this.#stream)
    }
    return actions
  }

  async #plan(graphs: readonly EpisodeGraph[]): Promise<void> {
    const drafts = graphs.map((graph) => this.#drafts(graph))
    // Drafts of one size end together.
    const bySize = drafts.flat().sort((a, b) => a.elements.length - b.elements.length)
    for (let from = 0; from < bySize.length; from += BATCH) await this.#imagine(bySize.slice(from, from + BATCH))
    graphs.forEach((graph, i) => this.#plans.set(graph, consensus(drafts[i].map(({ elements }) => elements))))
  }

  #drafts(graph: EpisodeGraph): Draft[] {
    const { sites } = graph
    const crystal = this.packer.crystal(graph)
    const neighbors = adjacency(graph, sites)
    return Array.from({ length: this.options.votes }, (_, vote) => {
      const rank = Uint16Array.from({ length: sites }, (_, k) => k)
      shuffle(rank, this.#stream)
      const source = draw(this.#stream, sites)
      return {
        crystal,
        graph,
        order: vote === 0 ? graph.order : breadthFirstOrder(neighbors, source, { rank }),
        temperature: vote === 0 ? 0 : this.options.temperature,
        elements: new Uint8Array(sites).fill(UNFILLED),
      }
    })
  }

  async #imagine(drafts: readonly Draft[]): Promise<void> {
    const longest = Math.max(...drafts.map(({ order }) => order.length))
    for (let step = 0; step < longest; step++) {
      const going = drafts.filter(({ order }) => step < order.length)
      const batch = this.packer.pack({
        crystals: going.map(({ crystal }) => crystal),
        elements: new Uint8Array(Buffer.concat(going.map(({ elements }) => elements))),
        focus: going.map(({ order }) => order[step]),
        targets: going.map(({ graph }) => graph.target ?? NaN),
      })
      const values = await this.network.forward(batch, this.options.copy)
      going.forEach(({ elements, order, temperature }, i) => {
        const row = values.subarray(ELEMENT_COUNT * i, ELEMENT_COUNT * (i + 1))
        elements[order[step]] = chooseAction(row, null, temperature, this.#stream)
      })
    }
  }
}

/** The filling that shares most sites with all of them, on average; a valid one where there is one. */
export function consensus(fillings: readonly Uint8Array[]): Uint8Array {
  const votes = Array.from(fillings[0], () => new Uint16Array(ELEMENT_COUNT))
  for (const filling of fillings) filling.forEach((element, site) => votes[site][element]++)
  const agreement = (filling: Uint8Array) => filling.reduce((sum, element, site) => sum + votes[site][element], 0)
  const valid = fillings.filter((filling) => speciesValidity(filling).valid)
  const candidates = valid.length > 0 ? valid : fillings
  return candidates.reduce((best, filling) => (agreement(filling) > agreement(best) ? filling : best))
}
