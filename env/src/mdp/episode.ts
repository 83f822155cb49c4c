import { UNFILLED } from '@unitcell/datasets'
import type { RewardOptions } from '@unitcell/protocol'
import { gather } from './arrays.js'
import type { PreparedCrystal } from './prepared-crystal.js'
import { draw, shuffle, stream } from './randomness.js'
import { renumber, type SiteGraph } from './site-graph.js'

/** What decides an episode, next to its crystal. */
export interface EpisodeRules {
  readonly sites: 'shuffled' | 'file'
  readonly source: number | 'random'
  readonly reward: RewardOptions
}

/**
 * One crystal being filled: the state s_t of the decision process. Sites are numbered by the episode's own numbering;
 * `fill` writes the focus site and moves the focus along the breadth-first order; after N fillings the episode is over.
 */
export class Episode {
  readonly graph: SiteGraph
  /** Element index per site, `UNFILLED` where none yet. */
  readonly elements: Uint8Array
  /** First site of the order. */
  readonly source: number
  /** Parameters of its terminal reward. */
  readonly reward: RewardOptions
  /** Sites filled so far. */
  step = 0
  /** Episode site k is site listedSite[k] of the source crystal. */
  readonly #listedSite: Uint16Array

  constructor(
    readonly crystal: PreparedCrystal,
    readonly seed: number,
    rules: EpisodeRules,
  ) {
    const { sites } = crystal
    const numbering = new Uint16Array(sites)
    for (let k = 0; k < sites; k++) numbering[k] = k
    if (rules.sites === 'shuffled') shuffle(numbering, stream(seed, 'sites'))
    this.reward = rules.reward
    this.source = rules.source === 'random' ? draw(stream(seed, 'source'), sites) : rules.source % sites
    this.graph = renumber(crystal, numbering, this.source)
    this.elements = new Uint8Array(sites).fill(UNFILLED)
    for (let k = 0; k < sites; k++) numbering[k] = crystal.listedSite[numbering[k]]
    this.#listedSite = numbering
  }

  get isOver(): boolean {
    return this.step === this.graph.sites
  }

  /** The site to fill next; -1 when the episode is over. */
  get focus(): number {
    return this.isOver ? -1 : this.graph.order[this.step]
  }

  fill(element: number): void {
    this.elements[this.graph.order[this.step]] = element
    this.step++
  }

  /** Whether the next filling ends it. */
  get isLast(): boolean {
    return this.step === this.graph.sites - 1
  }

  /** What the crystal would be with this element on the focus site, in the site order of the source crystal. */
  listedFillingWith(element: number): Uint8Array {
    const filling = new Uint8Array(this.elements.length)
    for (let k = 0; k < filling.length; k++) filling[this.#listedSite[k]] = this.elements[k]
    filling[this.#listedSite[this.focus]] = element
    return filling
  }

  /** The ground truth in the numbering of the episode; null for a bare skeleton. */
  trueElements(): Uint8Array | null {
    const { species } = this.crystal.source
    return species === null ? null : gather(species, this.#listedSite)
  }
}
