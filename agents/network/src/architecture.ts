import { ELEMENT_COUNT } from '@unitcell/datasets'
import { NetworkError } from './network-error.js'

/** Rows of the focus embedding: site indices from this one less one on share the last row (the paper's 21). */
export const FOCUS_INDICES = 21

/** Element tables have a row for every element and one for a site not filled yet. */
export const ELEMENT_ROWS = ELEMENT_COUNT + 1

/**
 * The network's shape: matgl's MEGNet as the paper configured it, and the changes this project offers. Together with
 * `parameterLayout` it says all an engine must know; how raw crystals become numbers is the packer's business.
 */
export interface Architecture {
  /**
   * How the network learns which site is next. `index`: an embedding of its number in the listing, appended to the
   * state (the paper; blind to which *node* that is). `node`: a flag, 0 or 1, in the node's input.
   */
  readonly focus: 'index' | 'node'
  /**
   * Gaussians of an edge's length d. 1: exp(-d^2 / 2 A^2), the paper authors'. n > 1: exp(-((d - mu_k) / w)^2) with n
   * centres from 0.5 to 6 A and w their spacing (the expansion of CGCNN).
   */
  readonly gaussians: number
  /** Numbers in the state vector, the focus embedding not counted. */
  readonly stateSize: number
  /** Numbers per node beside the element: local geometry, composition of similar skeletons and the like. */
  readonly nodeFeatures: number
  /** Further element indices per node (0..88), embedded by a table of their own and appended to the node's input. */
  readonly nodeTokens: number
  readonly elementEmbedding: number
  readonly tokenEmbedding: number
  readonly focusEmbedding: number
  /** Layers of the encoders of node, edge and state, and of the dense part that opens every block but the first. */
  readonly encoderWidths: readonly number[]
  /** Layers of the updates of a block; the last one is as wide as the encoders' last, for the skip connection. */
  readonly convolutionWidths: readonly number[]
  readonly blocks: number
  /**
   * `set2set`: pool nodes and edges, join the state, one output (the paper). `node`: a head on [v_i, u] of every node,
   * whose output at the focus node is Q(s, .); the outputs at the other unfilled sites can be trained too.
   */
  readonly readout: 'set2set' | 'node'
  /** Hidden layers of the readout, before the last, linear layer to the 88 elements. */
  readonly readoutWidths: readonly number[]
  readonly set2setIterations: number
  /** Share of the block outputs and readout inputs dropped in training (dropout.ts). */
  readonly dropout: number
}

/** The paper's configuration, conditional on p_hat: 7 state numbers and the target. */
export const PAPER_ARCHITECTURE: Architecture = {
  focus: 'index',
  gaussians: 1,
  stateSize: 8,
  nodeFeatures: 0,
  nodeTokens: 0,
  elementEmbedding: 16,
  tokenEmbedding: 8,
  focusEmbedding: 8,
  encoderWidths: [64, 32],
  convolutionWidths: [64, 64, 32],
  blocks: 3,
  readout: 'set2set',
  readoutWidths: [32, 16],
  set2setIterations: 2,
  dropout: 0,
}

/**
 * The paper's configuration with some fields changed.
 * @throws {NetworkError} `bad_architecture`
 */
export function architecture(changes: Partial<Architecture> = {}): Architecture {
  const result = { ...PAPER_ARCHITECTURE, ...changes }
  checkArchitecture(result)
  return result
}

/** @throws {NetworkError} `bad_architecture` */
export function checkArchitecture(a: Architecture): void {
  oneOf('focus', a.focus, ['index', 'node'])
  oneOf('readout', a.readout, ['set2set', 'node'])
  integer('gaussians', a.gaussians, 1, 256)
  integer('stateSize', a.stateSize, 1, 4096)
  integer('nodeFeatures', a.nodeFeatures, 0, 4096)
  integer('nodeTokens', a.nodeTokens, 0, 256)
  integer('elementEmbedding', a.elementEmbedding, 1, 1024)
  integer('tokenEmbedding', a.tokenEmbedding, 1, 1024)
  integer('focusEmbedding', a.focusEmbedding, 1, 1024)
  integer('blocks', a.blocks, 1, 32)
  integer('set2setIterations', a.set2setIterations, 1, 16)
  widths('encoderWidths', a.encoderWidths, 1)
  widths('convolutionWidths', a.convolutionWidths, 1)
  widths('readoutWidths', a.readoutWidths, 0)
  if (!(typeof a.dropout === 'number' && a.dropout >= 0 && a.dropout < 1)) {
    fail('dropout', a.dropout, 'a number from 0 to below 1')
  }
  if (a.encoderWidths.at(-1) !== a.convolutionWidths.at(-1)) {
    const what = `a block's output (${a.convolutionWidths.at(-1)}) must be as wide as its input (${a.encoderWidths.at(-1)})`
    throw new NetworkError('bad_architecture', what, 'end encoderWidths and convolutionWidths with the same number')
  }
}

function oneOf(field: string, value: unknown, choices: readonly string[]): void {
  if (!choices.includes(value as string)) fail(field, value, `one of ${choices.join(', ')}`)
}

function integer(field: string, value: unknown, from: number, to: number): void {
  if (!(Number.isInteger(value) && (value as number) >= from && (value as number) <= to)) {
    fail(field, value, `an integer from ${from} to ${to}`)
  }
}

function widths(field: string, value: unknown, least: number): void {
  if (!Array.isArray(value) || value.length < least || value.length > 8) {
    fail(field, value, `${least} to 8 layer widths`)
  }
  for (const width of value as unknown[]) integer(field, width, 1, 4096)
}

function fail(field: string, value: unknown, wanted: string): never {
  throw new NetworkError('bad_architecture', `${field} is ${JSON.stringify(value)}`, `give ${wanted}`)
}
