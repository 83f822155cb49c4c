import * as tf from '@tensorflow/tfjs-core'
import type { Architecture } from '../architecture.js'
import { dropoutFactors } from '../dropout.js'
import type { GraphTensors } from './graph-tensors.js'

/** The network's tensors by name (parameters.ts). */
export type NamedParameters = Readonly<Record<string, tf.Tensor>>

export interface ForwardOptions {
  /** Readout `node`: the nodes at which it is wanted. */
  readonly rows: tf.Tensor1D | null
  /** Of the dropout masks; undefined: nothing is dropped. */
  readonly dropoutSeed: number | undefined
}

interface Features {
  /** [E, width] */
  readonly edges: tf.Tensor2D
  /** [N, width] */
  readonly nodes: tf.Tensor2D
  /** [B, width] */
  readonly state: tf.Tensor2D
}

/** MEGNet as matgl has it and the paper configured it (SCIENCE.md section 3), forward; its gradient is tfjs's tape. */
export class Megnet {
  readonly #width: number

  constructor(readonly architecture: Architecture) {
    this.#width = architecture.encoderWidths.at(-1)!
  }

  /** @returns [B, 88], or with `rows` one row for each of them */
  forward(p: NamedParameters, graph: GraphTensors, options: ForwardOptions): tf.Tensor2D {
    const { blocks, readout } = this.architecture
    let features = this.#encode(p, graph)
    for (let block = 0; block < blocks; block++) features = this.#block(p, graph, features, block, options)
    const pooled =
      readout === 'set2set' ? this.#pool(p, graph, features, options) : this.#join(graph, features, options)
    return mlp(p, 'output_proj', pooled, false)
  }

  #encode(p: NamedParameters, graph: GraphTensors): Features {
    const { focus, nodeTokens, tokenEmbedding } = this.architecture
    const nodeInputs = [rows(p['element_embedding.weight'], graph.elements)]
    if (graph.nodeNumbers) nodeInputs.push(graph.nodeNumbers)
    if (graph.tokens) {
      const tokens = rows(p['token_embedding.weight'], graph.tokens)
      nodeInputs.push(tf.reshape(tokens, [graph.nodes, nodeTokens * tokenEmbedding]))
    }
    const stateInputs = [graph.state]
    if (focus === 'index') stateInputs.push(rows(p['focus_embedding.weight'], graph.focusIndex))
    return {
      edges: mlp(p, 'edge_encoder', graph.edgeNumbers),
      nodes: mlp(p, 'node_encoder', tf.concat(nodeInputs, 1)),
      state: mlp(p, 'state_encoder', tf.concat(stateInputs, 1)),
    }
  }

  #block(p: NamedParameters, graph: GraphTensors, inputs: Features, block: number, options: ForwardOptions): Features {
    const dense = (part: string, x: tf.Tensor2D) => (block === 0 ? x : mlp(p, `blocks.${block}.${part}_func`, x))
    const e = dense('edge', inputs.edges)
    const v = dense('node', inputs.nodes)
    const u = dense('state', inputs.state)
    const name = `blocks.${block}.conv`
    const drop = (x: tf.Tensor2D, part: number) => this.#drop(x, 3 * block + part, options)

    // The first layer of a joined input [v_source, v_target, e, u] is the sum of the products with each part. Those of
    // nodes and state are made per node and per graph, and gathered after: 28 % less work.
    const edges = tail(p, `${name}.edge_func`, (weight, bias) => {
      const [source, target, own, state] = columns(weight, 4)
      return [
        rows(product(v, source), graph.sources),
        rows(product(v, target), graph.targets),
        product(e, own),
        rows(product(u, state, bias), graph.edgeGraph),
      ]
    })
    const incoming = tf.mul<tf.Tensor2D>(segmentSum(edges, graph.targets, graph.nodes), graph.perIncoming)
    const nodes = tail(p, `${name}.node_func`, (weight, bias) => {
      const [own, mean, state] = columns(weight, 3)
      return [product(v, own), product(incoming, mean), rows(product(u, state, bias), graph.nodeGraph)]
    })
    const meanEdge = tf.mul<tf.Tensor2D>(segmentSum(edges, graph.edgeGraph, graph.graphs), graph.perEdge)
    const meanNode = tf.mul<tf.Tensor2D>(segmentSum(nodes, graph.nodeGraph, graph.graphs), graph.perNode)
    const state = mlp(p, `${name}.state_func`, tf.concat([u, meanEdge, meanNode], 1))
    return {
      edges: tf.add(inputs.edges, drop(edges, 0)),
      nodes: tf.add(inputs.nodes, drop(nodes, 1)),
      state: tf.add(inputs.state, drop(state, 2)),
    }
  }

  #pool(p: NamedParameters, graph: GraphTensors, features: Features, options: ForwardOptions): tf.Tensor2D {
    const { nodes, edges, state } = features
    const pooled = tf.concat(
      [
        this.#set2set(p, 'node_s2s', nodes, graph.nodeGraph, graph.nodeGraphIds, graph.graphs),
        this.#set2set(p, 'edge_s2s', edges, graph.edgeGraph, graph.edgeGraphIds, graph.graphs),
        state,
      ],
      1,
    )
    return this.#drop(pooled, 3 * this.architecture.blocks, options)
  }

  #join(graph: GraphTensors, { nodes, state }: Features, options: ForwardOptions): tf.Tensor2D {
    const place = 3 * this.architecture.blocks
    const v = this.#drop(nodes, place, options)
    const u = this.#drop(state, place + 1, options)
    const graphs = tf.gather(graph.nodeGraph, options.rows!)
    return tf.concat([rows(v, options.rows!), rows(u, graphs)], 1)
  }

  /** Set2Set (Vinyals, Bengio and Kudlur, 2016) with one LSTM layer. @returns [B, 2 width] */
  #set2set(
    p: NamedParameters,
    name: string,
    items: tf.Tensor2D,
    owner: tf.Tensor1D,
    ownerIds: Int32Array,
    graphs: number,
  ): tf.Tensor2D {
    const width = this.#width
    const gateBias = tf.add(p[`${name}.lstm.bias_ih_l0`], p[`${name}.lstm.bias_hh_l0`])
    let hidden: tf.Tensor2D = tf.zeros([graphs, width])
    let cell: tf.Tensor2D = tf.zeros([graphs, width])
    let star: tf.Tensor2D = tf.zeros([graphs, 2 * width])
    for (let iteration = 0; iteration < this.architecture.set2setIterations; iteration++) {
      const gates = tf.add<tf.Tensor2D>(
        product(star, p[`${name}.lstm.weight_ih_l0`], gateBias),
        product(hidden, p[`${name}.lstm.weight_hh_l0`]),
      )
      const [input, forget, candidate, output] = columns(gates, 4)
      cell = tf.add(tf.mul(tf.sigmoid(forget), cell), tf.mul(tf.sigmoid(input), tf.tanh(candidate)))
      hidden = tf.mul(tf.sigmoid(output), tf.tanh(cell))
      const scores = tf.sum(tf.mul(items, rows(hidden, owner)), 1, true) as tf.Tensor2D
      const weights = segmentSoftmax(scores, owner, ownerIds, graphs)
      star = tf.concat([hidden, segmentSum(tf.mul(items, weights), owner, graphs)], 1)
    }
    return star
  }

  #drop(x: tf.Tensor2D, place: number, { dropoutSeed }: ForwardOptions): tf.Tensor2D {
    const { dropout } = this.architecture
    if (dropout === 0 || dropoutSeed === undefined) return x
    return tf.mul(x, tf.tensor2d(dropoutFactors(dropoutSeed, place, x.size, dropout), x.shape))
  }
}

/** softplus(x) - ln 2, 0 at 0: matgl's activation. */
function softplus2<T extends tf.Tensor>(x: T): T {
  return tf.sub(tf.softplus(x), Math.LN2)
}

/** As many parts of equal width, side by side in x. */
function columns(x: tf.Tensor2D, parts: number): tf.Tensor2D[] {
  return tf.split(x, parts, 1) as tf.Tensor2D[]
}

/** x W^T + b. */
function product(x: tf.Tensor2D, weight: tf.Tensor, bias?: tf.Tensor): tf.Tensor2D {
  return tf.fused.matMul({ a: x, b: weight as tf.Tensor2D, transposeB: true, ...(bias && { bias }) }) as tf.Tensor2D
}

function mlp(p: NamedParameters, name: string, x: tf.Tensor2D, activatesLast = true): tf.Tensor2D {
  for (let layer = 0; `${name}.layers.${layer}.weight` in p; layer += 2) {
    const y = product(x, p[`${name}.layers.${layer}.weight`], p[`${name}.layers.${layer}.bias`])
    x = activatesLast || `${name}.layers.${layer + 2}.weight` in p ? softplus2(y) : y
  }
  return x
}

/** An MLP whose first layer the caller computes as a sum of terms. */
function tail(
  p: NamedParameters,
  name: string,
  firstLayer: (weight: tf.Tensor2D, bias: tf.Tensor) => tf.Tensor2D[],
): tf.Tensor2D {
  const terms = firstLayer(p[`${name}.layers.0.weight`] as tf.Tensor2D, p[`${name}.layers.0.bias`])
  let x = softplus2(terms.reduce((sum, term) => tf.add(sum, term)))
  for (let layer = 2; `${name}.layers.${layer}.weight` in p; layer += 2) {
    x = softplus2(product(x, p[`${name}.layers.${layer}.weight`], p[`${name}.layers.${layer}.bias`]))
  }
  return x
}

/** x[ids]: [I, width] of [S, width]. */
function rows(x: tf.Tensor, ids: tf.Tensor1D): tf.Tensor2D {
  const gather = tf.customGrad((table, save) => {
    ;(save as tf.GradSaveFunc)([ids])
    const value = tf.gather(table as tf.Tensor2D, ids)
    return { value, gradFunc: (dy, [saved]) => tf.unsortedSegmentSum(dy, saved as tf.Tensor1D, x.shape[0]!) }
  })
  return gather(x) as tf.Tensor2D
}

/** [S, width] of [I, width]: the sum over the items of each segment. */
function segmentSum(x: tf.Tensor2D, ids: tf.Tensor1D, segments: number): tf.Tensor2D {
  const sum = tf.customGrad((items, save) => {
    ;(save as tf.GradSaveFunc)([ids])
    const value = tf.unsortedSegmentSum(items as tf.Tensor2D, ids, segments)
    return { value, gradFunc: (dy, [saved]) => tf.gather(dy, saved as tf.Tensor1D) }
  })
  return sum(x) as tf.Tensor2D
}

/** Softmax of [I, 1] scores within each segment. */
function segmentSoftmax(scores: tf.Tensor2D, ids: tf.Tensor1D, hostIds: Int32Array, segments: number): tf.Tensor2D {
  // The result does not depend on what is subtracted, so its gradient passes this by.
  const largest = new Float32Array(segments).fill(-Infinity)
  const values = scores.dataSync()
  for (let i = 0; i < values.length; i++) largest[hostIds[i]] = Math.max(largest[hostIds[i]], values[i])
  const shift = Float32Array.from(hostIds, (id) => largest[id])
  const weights = tf.exp(tf.sub(scores, tf.tensor2d(shift, [values.length, 1]))) as tf.Tensor2D
  return tf.div(weights, rows(segmentSum(weights, ids, segments), ids))
}
