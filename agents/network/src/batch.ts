import { ELEMENT_COUNT } from '@unitcell/datasets'
import type { Architecture } from './architecture.js'
import { NetworkError } from './network-error.js'

/**
 * B states of the decision process as one graph of B parts: N nodes, E directed edges, in flat arrays. The nodes of a
 * graph are listed in the order in which the environment lists the sites.
 */
export interface GraphBatch {
  /** B + 1: the nodes of graph g are `nodeOffsets[g]` .. `nodeOffsets[g + 1]`. At least one per graph. */
  readonly nodeOffsets: Uint32Array
  /** B + 1: the edges of graph g. */
  readonly edgeOffsets: Uint32Array
  /** N element indices 0..87; 88 where a site is not filled yet. */
  readonly elements: Uint8Array
  /** B: the site to fill next, by its number within its graph. */
  readonly focus: Uint32Array
  /** B x stateSize. */
  readonly state: Float32Array
  /** N x nodeFeatures. */
  readonly nodeFeatures: Float32Array
  /** N x nodeTokens element indices 0..88. */
  readonly nodeTokens: Uint8Array
  /** E nodes of the batch (0..N - 1): where the edge comes from. Each edge of a crystal is there in both directions. */
  readonly sources: Uint32Array
  /** E nodes of the batch: where it goes to, in the same graph. Ascending. */
  readonly targets: Uint32Array
  /** E, angstrom. */
  readonly distances: Float32Array
}

export function graphCount(batch: GraphBatch): number {
  return batch.focus.length
}

/**
 * Refuses a batch that no engine could compute. Linear in its size and cheap beside the network.
 * @throws {NetworkError} `bad_batch`
 */
export function checkBatch(batch: GraphBatch, a: Architecture): void {
  const graphs = batch.focus.length
  const nodes = batch.elements.length
  const edges = batch.distances.length
  if (graphs === 0) bad('the batch is empty')
  offsets('nodeOffsets', batch.nodeOffsets, graphs, nodes)
  offsets('edgeOffsets', batch.edgeOffsets, graphs, edges)
  length('state', batch.state, graphs * a.stateSize, `${graphs} graphs x ${a.stateSize}`)
  length('nodeFeatures', batch.nodeFeatures, nodes * a.nodeFeatures, `${nodes} nodes x ${a.nodeFeatures}`)
  length('nodeTokens', batch.nodeTokens, nodes * a.nodeTokens, `${nodes} nodes x ${a.nodeTokens}`)
  length('sources', batch.sources, edges, `${edges} edges`)
  length('targets', batch.targets, edges, `${edges} edges`)
  for (let i = 0; i < nodes; i++) if (batch.elements[i] > ELEMENT_COUNT) bad(`elements[${i}] is ${batch.elements[i]}`)
  for (let i = 0; i < batch.nodeTokens.length; i++) {
    if (batch.nodeTokens[i] > ELEMENT_COUNT) bad(`nodeTokens[${i}] is ${batch.nodeTokens[i]}`)
  }
  for (let g = 0; g < graphs; g++) {
    const first = batch.nodeOffsets[g]
    const end = batch.nodeOffsets[g + 1]
    if (end === first) bad(`graph ${g} has no nodes`)
    if (batch.focus[g] >= end - first) bad(`focus[${g}] is ${batch.focus[g]} of ${end - first} nodes`)
    let last = first
    for (let e = batch.edgeOffsets[g]; e < batch.edgeOffsets[g + 1]; e++) {
      const source = batch.sources[e]
      const target = batch.targets[e]
      if (source < first || source >= end || target < first || target >= end) bad(`edge ${e} leaves graph ${g}`)
      if (target < last) bad(`edge ${e}: the edges are not sorted by target`)
      last = target
    }
  }
}

function offsets(name: string, values: Uint32Array, count: number, total: number): void {
  length(name, values, count + 1, 'graphs + 1')
  if (values[0] !== 0 || values[count] !== total) bad(`${name} does not run from 0 to ${total}`)
  for (let i = 0; i < count; i++) if (values[i + 1] < values[i]) bad(`${name}[${i + 1}] is below the one before`)
}

function length(name: string, values: ArrayLike<number>, wanted: number, why: string): void {
  if (values.length !== wanted) bad(`${name} has ${values.length} numbers, not ${wanted} (${why})`)
}

function bad(what: string): never {
  throw new NetworkError('bad_batch', what, 'pack the batch for this network')
}
