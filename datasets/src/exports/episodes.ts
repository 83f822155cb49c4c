import { invertPermutation, permuteSkeleton } from '../crystal/site-order.js'
import type { Labels, Skeleton } from '../crystal/structure.js'
import type { CrystalGraph } from '../graph/crystal-graph.js'
import { renumberGraph } from '../graph/renumber.js'
import type { RewardParameters } from '../transitions/reward.js'
import type { TransitionSet } from '../transitions/transition-set.js'

/** A crystal in the numbering of an episode. */
export interface EpisodeCrystal {
  readonly id: string
  /** Row of the shard. */
  readonly row: number
  readonly sites: number
  readonly skeleton: Skeleton
  readonly graph: CrystalGraph
  /** International number of the filled crystal. */
  readonly spaceGroup: number
  readonly labels: Labels
}

/** A recorded episode as exports write it, sites in its own numbering. */
export interface ExportEpisode {
  /** 0, 1, 2, ... */
  readonly index: number
  readonly crystal: EpisodeCrystal
  /** N sites, in the order in which they are filled. */
  readonly order: Uint16Array
  /** N element indices. */
  readonly actions: Uint8Array
  /** Reward of the last step; that of the others is 0. */
  readonly terminalReward: number
}

/** The episodes that share one crystal in one numbering. */
export interface EpisodeGroup {
  readonly crystal: EpisodeCrystal
  readonly episodes: readonly ExportEpisode[]
}

/** What an export writes. */
export class Episodes {
  /** Trajectories of the set whose crystal has a reward. */
  private readonly trajectories: readonly number[]
  /** Trajectories left out because a label that the reward needs is missing. */
  readonly unrewarded: number
  private readonly rewards: Float64Array

  constructor(
    readonly set: TransitionSet,
    readonly reward: RewardParameters,
  ) {
    const { values, failures } = set.rewards(reward)
    const failed = new Set([...failures.values()].flat())
    const { crystals } = set.trajectories
    const all = [...crystals.keys()]
    this.trajectories = all.filter((j) => !failed.has(crystals[j]))
    this.unrewarded = all.length - this.trajectories.length
    this.rewards = values
  }

  get count(): number {
    return this.trajectories.length
  }

  /** Steps of all episodes. */
  get steps(): number {
    const { starts } = this.set.trajectories
    return this.trajectories.reduce((sum, j) => sum + starts[j + 1] - starts[j], 0)
  }

  /** Most sites and most edges of a crystal. */
  get largest(): { sites: number; edges: number } {
    const { shard, trajectories } = this.set
    let sites = 0
    let edges = 0
    for (const row of new Set(this.trajectories.map((j) => trajectories.crystals[j]))) {
      sites = Math.max(sites, shard.siteCount(row))
      edges = Math.max(edges, shard.graph(row).distances.length)
    }
    return { sites, edges }
  }

  /** All episodes, those that share a crystal and its numbering together. */
  *groups(): Generator<EpisodeGroup> {
    const { crystals, numbering } = this.set.trajectories
    let group: { crystal: EpisodeCrystal; episodes: ExportEpisode[] } | undefined
    for (const [index, j] of this.trajectories.entries()) {
      if (!group || numbering || group.crystal.row !== crystals[j]) {
        if (group) yield group
        group = { crystal: this.crystal(j), episodes: [] }
      }
      group.episodes.push(this.episode(index, j, group.crystal))
    }
    if (group) yield group
  }

  private episode(index: number, j: number, crystal: EpisodeCrystal): ExportEpisode {
    const { starts, sites, actions, numbering } = this.set.trajectories
    const listed = sites.subarray(starts[j], starts[j + 1])
    const rank = numbering && invertPermutation(numbering.subarray(starts[j], starts[j + 1]))
    return {
      index,
      crystal,
      order: rank ? listed.map((site) => rank[site]) : listed,
      actions: actions.subarray(starts[j], starts[j + 1]),
      terminalReward: this.rewards[crystal.row],
    }
  }

  private crystal(j: number): EpisodeCrystal {
    const { shard } = this.set
    const { starts, crystals, numbering } = this.set.trajectories
    const row = crystals[j]
    const own = numbering?.subarray(starts[j], starts[j + 1])
    const structure = shard.structure(row)
    const graph = shard.graph(row)
    return {
      id: shard.id(row),
      row,
      sites: starts[j + 1] - starts[j],
      skeleton: own ? permuteSkeleton(structure, own) : structure,
      graph: own ? renumberGraph(graph, invertPermutation(own)) : graph,
      spaceGroup: shard.spaceGroup(row),
      labels: shard.labels(row),
    }
  }
}
