import * as tf from '@tensorflow/tfjs-core'
import type { Architecture } from '../architecture.js'
import { FOCUS_INDICES } from '../architecture.js'
import type { GraphBatch } from '../batch.js'

/** A batch as tensors: B graphs, N nodes, E edges. Whoever makes it frees it, e.g. by `tf.tidy`. */
export interface GraphTensors {
  readonly graphs: number
  readonly nodes: number
  readonly edges: number
  /** [N] element indices. */
  readonly elements: tf.Tensor1D
  /** [N T] element indices, T per node; null without them. */
  readonly tokens: tf.Tensor1D | null
  /** [N, features + 1 with the focus flag]; null without either. */
  readonly nodeNumbers: tf.Tensor2D | null
  /** [B, stateSize]. */
  readonly state: tf.Tensor2D
  /** [B] rows of the focus embedding. */
  readonly focusIndex: tf.Tensor1D
  /** [E, gaussians]. */
  readonly edgeNumbers: tf.Tensor2D
  /** [E] nodes. */
  readonly sources: tf.Tensor1D
  readonly targets: tf.Tensor1D
  /** [E] and [N]: the graph that an edge, a node is of; also on the host. */
  readonly edgeGraph: tf.Tensor1D
  readonly nodeGraph: tf.Tensor1D
  readonly edgeGraphIds: Int32Array
  readonly nodeGraphIds: Int32Array
  /** [N, 1] of incoming edges, [B, 1] of edges and of nodes: 1 / their number, 1 where there are none. */
  readonly perIncoming: tf.Tensor2D
  readonly perEdge: tf.Tensor2D
  readonly perNode: tf.Tensor2D
}

export function graphTensors(batch: GraphBatch, a: Architecture): GraphTensors {
  const graphs = batch.focus.length
  const nodes = batch.elements.length
  const edges = batch.distances.length
  const nodeGraphIds = ownerIds(batch.nodeOffsets)
  const edgeGraphIds = ownerIds(batch.edgeOffsets)
  const incoming = new Float32Array(nodes)
  for (let e = 0; e < edges; e++) incoming[batch.targets[e]]++
  return {
    graphs,
    nodes,
    edges,
    elements: integers(batch.elements),
    tokens: a.nodeTokens > 0 ? integers(batch.nodeTokens) : null,
    nodeNumbers: nodeNumbers(batch, a),
    state: tf.tensor2d(batch.state, [graphs, a.stateSize]),
    focusIndex: integers(batch.focus.map((site) => Math.min(site, FOCUS_INDICES - 1))),
    edgeNumbers: expandDistances(batch.distances, a.gaussians),
    sources: integers(batch.sources),
    targets: integers(batch.targets),
    edgeGraph: integers(edgeGraphIds),
    nodeGraph: integers(nodeGraphIds),
    edgeGraphIds,
    nodeGraphIds,
    perIncoming: reciprocals(incoming),
    perEdge: reciprocals(sizes(batch.edgeOffsets)),
    perNode: reciprocals(sizes(batch.nodeOffsets)),
  }
}

function integers(values: Uint8Array | Uint32Array | Int32Array): tf.Tensor1D {
  return tf.tensor1d(values instanceof Int32Array ? values : Int32Array.from(values), 'int32')
}

/** For each item of the parts that `offsets` delimit, its part. */
function ownerIds(offsets: Uint32Array): Int32Array {
  const ids = new Int32Array(offsets[offsets.length - 1])
  for (let i = 0; i + 1 < offsets.length; i++) ids.fill(i, offsets[i], offsets[i + 1])
  return ids
}

function sizes(offsets: Uint32Array): Float32Array {
  const result = new Float32Array(offsets.length - 1)
  for (let i = 0; i < result.length; i++) result[i] = offsets[i + 1] - offsets[i]
  return result
}

function reciprocals(counts: Float32Array): tf.Tensor2D {
  return tf.tensor2d(
    counts.map((count) => 1 / Math.max(count, 1)),
    [counts.length, 1],
  )
}

/** The focus flag, then the features: the order of `parameterLayout`. */
function nodeNumbers(batch: GraphBatch, a: Architecture): tf.Tensor2D | null {
  const flag = a.focus === 'node' ? 1 : 0
  const width = flag + a.nodeFeatures
  if (width === 0) return null
  const nodes = batch.elements.length
  const values = new Float32Array(nodes * width)
  for (let node = 0, k = 0; node < nodes; node++) {
    for (let j = 0; j < a.nodeFeatures; j++, k++) values[node * width + flag + j] = batch.nodeFeatures[k]
  }
  if (flag) batch.focus.forEach((site, g) => (values[(batch.nodeOffsets[g] + site) * width] = 1))
  return tf.tensor2d(values, [nodes, width])
}

/** Nearest and farthest centre of the Gaussians, and the paper's rho, the width of the single one (architecture.ts). */
const FIRST_CENTRE_ANGSTROM = 0.5
const LAST_CENTRE_ANGSTROM = 6
const RHO_ANGSTROM2 = 2

function expandDistances(distances: Float32Array, gaussians: number): tf.Tensor2D {
  return tf.tidy(() => {
    const d = tf.tensor2d(distances, [distances.length, 1])
    if (gaussians === 1) return tf.exp(tf.div(tf.square(d), -RHO_ANGSTROM2))
    const spacing = (LAST_CENTRE_ANGSTROM - FIRST_CENTRE_ANGSTROM) / (gaussians - 1)
    const centres = Float32Array.from({ length: gaussians }, (_, k) => FIRST_CENTRE_ANGSTROM + k * spacing)
    return tf.exp(tf.neg(tf.square(tf.div(tf.sub(d, tf.tensor2d(centres, [1, gaussians])), spacing))))
  })
}
