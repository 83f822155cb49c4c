import {
  adjacency,
  breadthFirstOrder,
  ELEMENTS,
  invertPermutation,
  permuteSkeleton,
  speciesValidity,
  UNFILLED,
  type CrystalShard,
} from '@unitcell/datasets'
import type { EpisodeGraph } from '@unitcell/protocol'
import { uniformInt } from 'pure-rand/distribution/uniformInt'
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus'
import type { Agent } from './agent.js'

/** A crystal of a split as an episode shows it, and the truth. */
export interface LocalEpisode {
  readonly graph: EpisodeGraph
  /** N element indices, in the numbering of the graph. */
  readonly truth: Uint8Array
}

export interface LocalEpisodeOptions {
  /** `shuffled`: numbered at random, as the environment's default is; `file`: as listed. */
  readonly sites: 'shuffled' | 'file'
  readonly seed: number
  /** Target band gap of an episode, eV; default: none. */
  readonly target?: (row: number) => number | null
  /** Default: every crystal. */
  readonly rows?: readonly number[]
}

/**
 * Episodes as the environment makes them (site 0 of the numbering is the source of the breadth-first order), but in this
 * process: how an agent stands on val is measured again and again in training, where the wire would only cost time.
 */
export function localEpisodes(shard: CrystalShard, options: LocalEpisodeOptions): LocalEpisode[] {
  const generator = xoroshiro128plus(options.seed)
  const rows = options.rows ?? Array.from({ length: shard.count }, (_, row) => row)
  return rows.map((row) => {
    const structure = shard.structure(row)
    const { edges: listedEdges, images: listedImages, distances } = shard.graph(row)
    const sites = structure.species.length
    const numbering = Uint16Array.from({ length: sites }, (_, site) => site)
    if (options.sites === 'shuffled') {
      for (let last = sites - 1; last > 0; last--) {
        const other = uniformInt(generator, 0, last)
        ;[numbering[last], numbering[other]] = [numbering[other], numbering[last]]
      }
    }
    const newSite = invertPermutation(numbering)
    const edges = listedEdges.map((site) => newSite[site])
    const images = listedImages.slice()
    for (let e = 0; e < distances.length; e++) {
      if (edges[2 * e] <= edges[2 * e + 1]) continue
      ;[edges[2 * e], edges[2 * e + 1]] = [edges[2 * e + 1], edges[2 * e]]
      for (let k = 3 * e; k < 3 * e + 3; k++) images[k] = -images[k]
    }
    const graph = {
      sites,
      ...permuteSkeleton(structure, numbering),
      edges,
      images,
      distances,
      spaceGroup: shard.spaceGroup(row),
      order: breadthFirstOrder(adjacency({ edges }, sites), 0),
      target: options.target?.(row) ?? null,
    }
    return { graph, truth: Uint8Array.from(numbering, (site) => structure.species[site]) }
  })
}

/** Lets an agent fill crystals, `batch` at a time; returns the fillings. */
export async function playLocally(agent: Agent, episodes: readonly LocalEpisode[], batch = 256): Promise<Uint8Array[]> {
  const fillings: Uint8Array[] = []
  // Crystals of one size end together: no environment waits for others.
  const bySize = [...episodes.keys()].sort((a, b) => episodes[a].graph.sites - episodes[b].graph.sites)
  for (let from = 0; from < bySize.length; from += batch) {
    const together = bySize.slice(from, from + batch)
    const filled = await fillTogether(
      agent,
      together.map((i) => episodes[i].graph),
    )
    together.forEach((i, k) => (fillings[i] = filled[k]))
  }
  return fillings
}

async function fillTogether(agent: Agent, graphs: readonly EpisodeGraph[]): Promise<Uint8Array[]> {
  const siteOffsets = new Int32Array(graphs.length + 1)
  graphs.forEach(({ sites }, i) => (siteOffsets[i + 1] = siteOffsets[i] + sites))
  const elements = new Uint8Array(siteOffsets[graphs.length]).fill(UNFILLED)
  const longest = Math.max(...graphs.map(({ sites }) => sites))
  for (let turn = 0; turn < longest; turn++) {
    const focus = Int32Array.from(graphs, ({ order }) => order[turn] ?? -1)
    const step = Int32Array.from(graphs, ({ sites }) => Math.min(turn, sites))
    const actions = await agent.act({ elements, siteOffsets, focus, step, graphs }, null)
    focus.forEach((site, i) => {
      if (site >= 0) elements[siteOffsets[i] + site] = actions[i]
    })
  }
  return graphs.map((_, i) => elements.slice(siteOffsets[i], siteOffsets[i + 1]))
}

/** Means over crystals, percent: the paper's metrics before DFT, and crystals with every site right. */
export interface RolloutScore {
  readonly accuracy: number
  readonly similarity: number
  readonly validity: number
  readonly exact: number
}

export function scoreFillings(fillings: readonly Uint8Array[], episodes: readonly LocalEpisode[]): RolloutScore {
  const mean = (value: (filling: Uint8Array, truth: Uint8Array) => number) =>
    (100 * fillings.reduce((sum, filling, i) => sum + value(filling, episodes[i].truth), 0)) / fillings.length
  const share = (filling: Uint8Array, isRight: (element: number, site: number) => boolean) =>
    filling.reduce((right, element, site) => right + Number(isRight(element, site)), 0) / filling.length
  const classOf = (element: number) => ELEMENTS[element].elementClass
  return {
    accuracy: mean((filling, truth) => share(filling, (element, site) => element === truth[site])),
    similarity: mean((filling, truth) => share(filling, (element, site) => classOf(element) === classOf(truth[site]))),
    validity: mean((filling) => Number(speciesValidity(filling).valid)),
    exact: mean((filling, truth) => Number(filling.every((element, site) => element === truth[site]))),
  }
}
