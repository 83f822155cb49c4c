import { toNdArray, type EnvironmentOptions, type Result } from '@unitcell/protocol'
import { concatenate, float64, float64Column, int32Column, int8, uint16 } from './arrays.js'
import type { Episode } from './episode.js'

type Observation = Result<'reset'>['observation']
type Graph = NonNullable<Observation['graph']>

/** What the packing needs to know of the options. */
type GraphOptions = Pick<EnvironmentOptions, 'space_group'>

/** The static parts of episodes, one after the other (see `graph` of the protocol). `envs`: whose, in a vector. */
function packGraphs(episodes: readonly Episode[], options: GraphOptions, envs: Int32Array | null): Graph {
  const count = episodes.length
  const graphs = episodes.map((episode) => episode.graph)
  const siteCounts = int32Column(graphs, (graph) => graph.sites)
  const edgeCounts = int32Column(graphs, (graph) => graph.distances.length)
  const spaceGroups = Uint16Array.from(episodes, ({ crystal }) =>
    options.space_group === 'crystal' ? crystal.source.spaceGroup : crystal.source.skeletonSpaceGroup,
  )
  const lattice = concatenate(
    graphs.map((graph) => graph.lattice),
    float64,
  )
  const fracCoords = concatenate(
    graphs.map((graph) => graph.fracCoords),
    float64,
  )
  const edges = concatenate(
    graphs.map((graph) => graph.edges),
    uint16,
  )
  const images = concatenate(
    graphs.map((graph) => graph.images),
    int8,
  )
  const distances = concatenate(
    graphs.map((graph) => graph.distances),
    float64,
  )
  const order = concatenate(
    graphs.map((graph) => graph.order),
    uint16,
  )
  return {
    ...(envs === null ? {} : { env: toNdArray('int32', envs) }),
    site_counts: toNdArray('int32', siteCounts),
    edge_counts: toNdArray('int32', edgeCounts),
    lattice: toNdArray('float64', lattice, [count, 3, 3]),
    frac_coords: toNdArray('float64', fracCoords, [fracCoords.length / 3, 3]),
    edges: toNdArray('uint16', edges, [edges.length / 2, 2]),
    images: toNdArray('int8', images, [images.length / 3, 3]),
    distances: toNdArray('float64', distances),
    space_group: toNdArray('uint16', spaceGroups),
    order: toNdArray('uint16', order),
    target: toNdArray(
      'float64',
      float64Column(episodes, (episode) => episode.reward.target ?? NaN),
    ),
  }
}

/** The observation of a single environment. */
export function observeOne(episode: Episode, options: GraphOptions, withGraph: boolean): Observation {
  return {
    elements: toNdArray('uint8', episode.elements.slice()),
    focus: episode.focus,
    step: episode.step,
    ...(withGraph ? { graph: packGraphs([episode], options, null) } : {}),
  }
}

/**
 * The observation of a vector.
 *
 * @param episodes the current episode of every environment
 * @param started the environments whose graph goes along
 */
export function observeAll(
  episodes: readonly Episode[],
  options: GraphOptions,
  started: readonly number[],
): Observation {
  const count = episodes.length
  const focus = new Int32Array(count)
  const step = new Int32Array(count)
  let sites = 0
  for (const episode of episodes) sites += episode.elements.length
  const elements = new Uint8Array(sites)
  let offset = 0
  for (let env = 0; env < count; env++) {
    const episode = episodes[env]
    elements.set(episode.elements, offset)
    offset += episode.elements.length
    focus[env] = episode.focus
    step[env] = episode.step
  }
  const graphs = started.length === 0 ? null : started.map((env) => episodes[env])
  return {
    elements: toNdArray('uint8', elements),
    focus: toNdArray('int32', focus),
    step: toNdArray('int32', step),
    ...(graphs === null ? {} : { graph: packGraphs(graphs, options, Int32Array.from(started)) }),
  }
}
