import { z } from 'zod'
import { errorBody, evaluationId, handle, requestId } from './common.js'
import { crystalFailure, outcome } from './observation.js'

const whose = {
  env: z.int().nonnegative().optional().meta({ description: 'vector only: the environment whose reward it is' }),
}

const queued = z.strictObject({
  ...whose,
  state: z.literal('queued'),
  place: z
    .int()
    .positive()
    .nullable()
    .meta({ description: 'in the queue of the server; 1: the next to start; null: not known yet' }),
})

const running = z.strictObject({
  ...whose,
  state: z.literal('running'),
  iteration: z.int().nullable().meta({ description: 'of the self-consistent field, from 1; null before the first' }),
  estimated_accuracy_ry: z.number().nullable().meta({ description: 'Ry; null before the first iteration has ended' }),
  elapsed_seconds: z.number(),
})

/** How far a calculation has come. */
export const progress = z
  .discriminatedUnion('state', [
    queued,
    running,
    z.strictObject({ ...whose, state: z.literal('done') }).meta({ description: 'vector only: others are awaited' }),
  ])
  .meta({ id: 'Progress' })

/** The request is sound, and its answer takes a while: it comes after any number of `progressed`. */
export const accepted = z.strictObject({ id: requestId, accepted: z.literal(true) }).meta({ id: 'Accepted' })

/** How far an accepted request has come. */
export const progressed = z.strictObject({ id: requestId, progress }).meta({ id: 'Progressed' })

/** What is known of a crystal. */
export const evaluation = z
  .strictObject({
    status: z.enum(['evaluated', 'failed']),
    failure: crystalFailure.nullable(),
    source: z.string().nullable().meta({ description: 'who evaluated, e.g. `recorded`' }),
    total_energy_ry: z.number().nullable().meta({ description: 'of the cell' }),
    band_gap_ev: z.number().nullable().meta({ description: 'max(0, signed_gap_ev)' }),
    signed_gap_ev: z
      .number()
      .nullable()
      .meta({ description: 'lowest unoccupied less highest occupied level; null where it was not recorded' }),
    formation_energy_ev_per_atom: z.number().nullable(),
  })
  .meta({ id: 'Evaluation' })

/** A deferred reward that is known now, or never will be: then `error` says why, and the rest is null. */
const settled = {
  evaluation: evaluationId,
  handle,
  env: z.int().nonnegative().nullable().meta({ description: 'the environment of a vector; null for a single one' }),
  reward: z.number().nullable(),
  outcome: outcome.nullable(),
  error: errorBody.nullable(),
}

/** How a deferred evaluation stands. */
export const evaluationState = z
  .discriminatedUnion('state', [
    queued.omit({ env: true }).extend({ evaluation: evaluationId }),
    running.omit({ env: true }).extend({ evaluation: evaluationId }),
    z.strictObject({ ...settled, state: z.literal('done') }),
  ])
  .meta({ id: 'EvaluationState' })

/** What a server says unasked. */
export const EVENTS = {
  evaluation: z.strictObject({ event: z.literal('evaluation'), ...settled }).meta({ id: 'EvaluationEvent' }),
} as const

export type Progress = z.output<typeof progress>
export type EvaluationResult = z.output<typeof evaluation>
export type EvaluationEvent = z.output<(typeof EVENTS)['evaluation']>
