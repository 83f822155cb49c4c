import { ELEMENT_COUNT } from '@unitcell/datasets'
import { ELEMENT_ROWS, FOCUS_INDICES, type Architecture } from './architecture.js'
import { uniformGenerator } from './random.js'

/** One tensor of the network. All tensors lie one after the other in a flat array, each row by row. */
export interface ParameterTensor {
  /** As matgl and PyTorch name it. Layers count activations, so the second linear layer of an MLP is `layers.2`. */
  readonly name: string
  /** A linear layer's weight is [out, in]; an LSTM's gates are stacked in PyTorch's order: input, forget, cell, output. */
  readonly shape: readonly number[]
  /** Where it begins in the flat array. */
  readonly offset: number
  readonly size: number
  /** How PyTorch initialises it: uniform in +-bound, or normal with unit variance (embeddings). */
  readonly init: { readonly uniform: number } | 'normal'
}

export interface ParameterLayout {
  readonly tensors: readonly ParameterTensor[]
  /** Length of the flat array. */
  readonly size: number
}

/**
 * The tensors of a network, in the order of the flat arrays and of checkpoints.
 *
 * Inputs of the layers, left to right: node encoder [element embedding, focus flag (`node`), features, token
 * embeddings in turn]; state encoder [state, focus embedding (`index`)]; edge update [v_source, v_target, e, u]; node
 * update [v, mean of incoming e', u]; state update [u, mean e', mean v']; readout `set2set` [nodes, edges, u], `node`
 * [v, u].
 */
export function parameterLayout(a: Architecture): ParameterLayout {
  const tensors: ParameterTensor[] = []
  let size = 0
  const add = (name: string, shape: readonly number[], init: ParameterTensor['init']) => {
    const count = shape.reduce((product, n) => product * n, 1)
    tensors.push({ name, shape, offset: size, size: count, init })
    size += count
  }
  const mlp = (name: string, dims: readonly number[]) => {
    for (let i = 0; i + 1 < dims.length; i++) {
      const init = { uniform: 1 / Math.sqrt(dims[i]) }
      add(`${name}.layers.${2 * i}.weight`, [dims[i + 1], dims[i]], init)
      add(`${name}.layers.${2 * i}.bias`, [dims[i + 1]], init)
    }
  }
  const lstm = (name: string, width: number) => {
    const init = { uniform: 1 / Math.sqrt(width) }
    add(`${name}.lstm.weight_ih_l0`, [4 * width, 2 * width], init)
    add(`${name}.lstm.weight_hh_l0`, [4 * width, width], init)
    add(`${name}.lstm.bias_ih_l0`, [4 * width], init)
    add(`${name}.lstm.bias_hh_l0`, [4 * width], init)
  }

  const width = a.encoderWidths.at(-1)!
  add('element_embedding.weight', [ELEMENT_ROWS, a.elementEmbedding], 'normal')
  if (a.nodeTokens > 0) add('token_embedding.weight', [ELEMENT_ROWS, a.tokenEmbedding], 'normal')
  if (a.focus === 'index') add('focus_embedding.weight', [FOCUS_INDICES, a.focusEmbedding], 'normal')
  mlp('edge_encoder', [a.gaussians, ...a.encoderWidths])
  mlp('node_encoder', [nodeInputSize(a), ...a.encoderWidths])
  mlp('state_encoder', [stateInputSize(a), ...a.encoderWidths])
  for (let block = 0; block < a.blocks; block++) {
    for (const [part, inputs] of [
      ['edge', 4],
      ['node', 3],
      ['state', 3],
    ] as const) {
      if (block > 0) mlp(`blocks.${block}.${part}_func`, [width, ...a.encoderWidths])
      mlp(`blocks.${block}.conv.${part}_func`, [inputs * width, ...a.convolutionWidths])
    }
  }
  if (a.readout === 'set2set') {
    lstm('node_s2s', width)
    lstm('edge_s2s', width)
  }
  mlp('output_proj', [(a.readout === 'set2set' ? 5 : 2) * width, ...a.readoutWidths, ELEMENT_COUNT])
  return { tensors, size }
}

/** Numbers that enter the node encoder. */
export function nodeInputSize(a: Architecture): number {
  return a.elementEmbedding + (a.focus === 'node' ? 1 : 0) + a.nodeFeatures + a.nodeTokens * a.tokenEmbedding
}

/** Numbers that enter the state encoder. */
export function stateInputSize(a: Architecture): number {
  return a.stateSize + (a.focus === 'index' ? a.focusEmbedding : 0)
}

/** Fresh parameters, distributed as PyTorch's defaults; the same for the same seed in every engine. */
export function initialParameters(a: Architecture, seed: number): Float32Array {
  const { tensors, size } = parameterLayout(a)
  const values = new Float32Array(size)
  const uniform = uniformGenerator(seed)
  for (const { offset, size: count, init } of tensors) {
    for (let i = offset; i < offset + count; i++) {
      values[i] =
        init === 'normal'
          ? Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform())
          : init.uniform * (2 * uniform() - 1)
    }
  }
  return values
}
