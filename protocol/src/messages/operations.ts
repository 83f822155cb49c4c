import { z } from 'zod'
import { ndArraySchema as array } from '../nd-array.js'
import { evaluationId, filledStructure, handle, inlineStructure, requestId, seed } from './common.js'
import { evaluation, evaluationState } from './evaluation.js'
import { info, observation } from './observation.js'
import { environmentOptions } from './options.js'
import { transitionsRequest, transitionsResult } from './transitions.js'

/** A crystal of the data set: its id, or its place. */
const crystalReference = z.union(
  [z.string().min(1), z.strictObject({ split: z.string().optional(), index: z.int().nonnegative() })],
  { error: 'the id of a crystal, or {split?, index}, is needed' },
)

const resetOptions = z
  .strictObject({
    crystal: z
      .union([crystalReference, z.array(crystalReference).min(1)], {
        error: 'the id of a crystal, {split?, index}, or in a vector a list of them, is needed',
      })
      .optional()
      .meta({ description: 'the crystal; in a vector one for all, or a list, one for each environment reset' }),
    structure: inlineStructure.optional().meta({ description: 'a structure of your own instead' }),
    split: z.string().optional().meta({ description: 'draw from this split from now on' }),
    start: z.int().nonnegative().optional().meta({ description: 'select: sequential goes on from this index' }),
    source: environmentOptions.shape.source.unwrap().optional(),
    target: z.number().nonnegative().nullable().optional().meta({ description: 'target band gap, eV, from now on' }),
    elements: z.array(z.string()).min(1).nullable().optional().meta({ description: 'allowed elements, from now on' }),
  })
  .meta({ id: 'ResetOptions' })

const datasetSummary = z
  .strictObject({
    name: z.string(),
    hash: z.string().meta({ description: 'sha256 over the content' }),
    splits: z.record(
      z.string(),
      z.strictObject({
        crystals: z.int(),
        sites: z.int(),
        max_sites: z.int().meta({ description: 'of the largest crystal: the size of padded arrays' }),
        max_edges: z.int().meta({ description: 'the same for edges' }),
      }),
    ),
    label_set: z.string().nullable().meta({ description: 'identity of the settings behind the labels' }),
  })
  .meta({ id: 'Dataset' })

const environmentSummary = z.strictObject({
  handle,
  environment: z.string(),
  count: z.int().nullable(),
  options: z.record(z.string(), z.unknown()),
})

/** Fields of a request next to `id` and `op`, and the result of its answer. */
export const OPERATIONS = {
  hello: {
    request: {
      protocol: z.string().regex(/^\d+(\.\d+)?$/, 'a version major.minor, e.g. 1.0'),
      client: z.string().min(1).max(200).meta({ description: 'name and version, for the log' }),
      token: z.string().max(1000).optional(),
      resume: z.string().max(200).optional().meta({ description: 'resume token of an earlier connection' }),
    },
    result: z.strictObject({
      protocol: z.string(),
      server: z.strictObject({ name: z.string(), version: z.string() }),
      session: z.string(),
      resume: z.string().meta({ description: 'token that takes the session up again after a lost connection' }),
      resumed: z.array(environmentSummary).meta({ description: 'handles of the resumed session' }),
      limits: z.record(z.string(), z.number()),
      environments: z.array(z.string()),
      datasets: z.array(datasetSummary),
      elements: z.array(z.string()).meta({ description: 'symbols in the order of the actions' }),
    }),
  },
  make: {
    request: {
      environment: z.string(),
      count: z.int().positive().optional().meta({ description: 'makes a vector of so many environments' }),
      options: environmentOptions.prefault({}),
    },
    result: z.strictObject({
      handle,
      environment: z.string(),
      count: z.int().nullable(),
      options: z.record(z.string(), z.unknown()).meta({ description: 'every default filled in' }),
      observation_space: z.record(z.string(), z.unknown()),
      action_space: z.record(z.string(), z.unknown()),
    }),
  },
  reset: {
    request: {
      handle,
      seed: z
        .union([seed, z.array(seed)], {
          error: 'an integer from 0 to 2^53 - 1, or in a vector a list of them, is needed',
        })
        .optional()
        .meta({ description: 'in a vector, environment i gets seed + i, or the i-th of a list' }),
      which: z.array(z.int().nonnegative()).min(1).optional().meta({ description: 'vector only: reset these' }),
      options: resetOptions.optional(),
    },
    result: z.strictObject({ observation, info }),
  },
  step: {
    request: {
      handle,
      actions: z
        .union([z.int(), z.array(z.int()), array], {
          error: 'an integer, or in a vector a list of integers or an array {dtype, shape, data}, is needed',
        })
        .meta({ description: 'an element index; in a vector n of them, as a list or an integer array' }),
    },
    result: z.strictObject({
      observation,
      reward: z
        .union([z.number(), z.null(), array])
        .meta({ description: 'float64 [n] in a vector; null, or NaN in a vector, where it is deferred' }),
      terminated: z.union([z.boolean(), array]).meta({ description: 'bool [n] in a vector' }),
      truncated: z.union([z.boolean(), array]).meta({ description: 'bool [n] in a vector' }),
      info,
    }),
  },
  observe: { request: { handle }, result: z.strictObject({ observation, info }) },
  mask: {
    request: { handle },
    result: z.strictObject({ mask: array.meta({ description: 'bool [88] or [n, 88]' }) }),
  },
  render: {
    request: {
      handle,
      format: z.enum(['cif', 'poscar', 'json']),
      env: z.int().nonnegative().optional().meta({ description: 'vector only: which environment' }),
    },
    result: z.strictObject({ format: z.string(), text: z.string() }),
  },
  evaluate: {
    request: {
      structure: filledStructure,
      dataset: z
        .string()
        .optional()
        .meta({ description: 'data set whose recorded labels count, too; left out: the first the server has' }),
      priority: z
        .enum(['interactive', 'bulk'])
        .default('interactive')
        .meta({ description: 'interactive calculations go before bulk ones' }),
    },
    result: evaluation,
  },
  evaluation: {
    request: { evaluation: evaluationId },
    result: evaluationState,
  },
  cancel: {
    request: {
      request: requestId.optional().meta({ description: 'id of an accepted request; either this or `evaluation`' }),
      evaluation: evaluationId.optional().meta({ description: 'a deferred evaluation' }),
    },
    result: z.strictObject({
      cancelled: z.boolean().meta({ description: 'false where nothing of that name was waiting (any more)' }),
    }),
  },
  datasets: { request: {}, result: z.strictObject({ datasets: z.array(datasetSummary) }) },
  transitions: { request: transitionsRequest, result: transitionsResult },
  close: {
    request: { handle: handle.optional().meta({ description: 'left out: the session ends' }) },
    result: z.strictObject({}),
  },
  ping: {
    request: {},
    result: z.strictObject({ time: z.number().meta({ description: 'server clock, s since 1970' }) }),
  },
} as const

export type Operation = keyof typeof OPERATIONS

export const OPERATION_NAMES = Object.keys(OPERATIONS) as Operation[]

/**
 * Operations that may have to wait, for an evaluation or behind others of their environment: accepted first, answered
 * later. All others are answered at once.
 */
export const MAY_WAIT: ReadonlySet<Operation> = new Set<Operation>([
  'reset',
  'step',
  'observe',
  'mask',
  'render',
  'evaluate',
])

function requestSchema<O extends Operation>(op: O) {
  const fields = OPERATIONS[op].request as (typeof OPERATIONS)[O]['request']
  return z.strictObject({ id: requestId, op: z.literal(op), ...fields })
}

/** Schema of each request, whole. */
export const REQUESTS = Object.fromEntries(OPERATION_NAMES.map((op) => [op, requestSchema(op)])) as unknown as {
  readonly [O in Operation]: ReturnType<typeof requestSchema<O>>
}

/** A request as a server sees it: defaults filled in. */
export type Request<O extends Operation = Operation> = { [K in O]: z.output<ReturnType<typeof requestSchema<K>>> }[O]

/** Fields of a request as a client writes them. */
export type Params<O extends Operation> = Omit<z.input<ReturnType<typeof requestSchema<O>>>, 'id' | 'op'>

export type Result<O extends Operation> = z.output<(typeof OPERATIONS)[O]['result']>
