import type { Architecture, CqlObjective, GraphBatch } from '@unitcell/network'
import { uniformGenerator } from '@unitcell/network'

export interface BatchShape {
  readonly minSites?: number
  readonly maxSites?: number
  /** Directed edges per site; the data has 5.7. */
  readonly edgesPerSite?: number
}

/** A batch of random multigraphs, half of their sites filled. */
export function randomBatch(a: Architecture, graphs: number, seed: number, shape: BatchShape = {}): GraphBatch {
  const { minSites = 1, maxSites = 20, edgesPerSite = 5.7 } = shape
  const uniform = uniformGenerator(seed)
  const below = (n: number) => Math.floor(uniform() * n)
  const nodeOffsets = [0]
  const edgeOffsets = [0]
  const elements: number[] = []
  const focus: number[] = []
  const edges: { source: number; target: number; distance: number }[] = []
  for (let g = 0; g < graphs; g++) {
    const first = elements.length
    const sites = minSites + below(maxSites - minSites + 1)
    const own = Array.from({ length: Math.round((sites * edgesPerSite) / 2) }, () => {
      const [i, j, distance] = [first + below(sites), first + below(sites), 1.5 + 2 * uniform()]
      return [
        { source: i, target: j, distance },
        { source: j, target: i, distance },
      ]
    }).flat()
    edges.push(...own.sort((one, other) => one.target - other.target))
    focus.push(below(sites))
    for (let site = 0; site < sites; site++) elements.push(site === focus[g] || uniform() < 0.5 ? 88 : below(88))
    nodeOffsets.push(elements.length)
    edgeOffsets.push(edges.length)
  }
  const nodes = elements.length
  return {
    nodeOffsets: Uint32Array.from(nodeOffsets),
    edgeOffsets: Uint32Array.from(edgeOffsets),
    elements: Uint8Array.from(elements),
    focus: Uint32Array.from(focus),
    state: Float32Array.from({ length: graphs * a.stateSize }, () => 2 * uniform() - 1),
    nodeFeatures: Float32Array.from({ length: nodes * a.nodeFeatures }, uniform),
    nodeTokens: Uint8Array.from({ length: nodes * a.nodeTokens }, () => below(89)),
    sources: Uint32Array.from(edges, ({ source }) => source),
    targets: Uint32Array.from(edges, ({ target }) => target),
    distances: Float32Array.from(edges, ({ distance }) => distance),
  }
}

/** A CQL objective with random actions, rewards and next states. */
export function randomCql(a: Architecture, graphs: number, seed: number, shape: BatchShape = {}): CqlObjective {
  const uniform = uniformGenerator(seed + 1)
  const batch = randomBatch(a, graphs, seed, shape)
  const terminal = Uint8Array.from({ length: graphs }, () => (uniform() < 0.1 ? 1 : 0))
  const going = terminal.filter((end) => end === 0).length
  return {
    kind: 'cql',
    batch,
    actions: Uint8Array.from({ length: graphs }, () => Math.floor(88 * uniform())),
    rewards: Float32Array.from({ length: graphs }, () => 5 * uniform()),
    terminal,
    next: going === 0 ? null : randomBatch(a, going, seed + 2, shape),
    gamma: 0.99,
    omega: 5,
    ...(a.readout === 'node' && {
      auxiliary: 0.5,
      siteElements: Uint8Array.from(batch.elements, () => Math.floor(89 * uniform())),
    }),
  }
}
