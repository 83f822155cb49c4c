import { z } from 'zod'
import { ERRORS, type ErrorCode } from '../errors.js'

/** Identifies a request within its session: unique, chosen by the client. */
export const requestId = z
  .union([z.int().nonnegative(), z.string().min(1).max(64)], {
    error: 'an integer from 0 on, or a string of 1 to 64 characters, is needed',
  })
  .meta({ id: 'RequestId' })

/** Identifies an environment or vector environment within its session. */
export const handle = z.int().nonnegative().meta({ id: 'Handle' })

/** Identifies a deferred evaluation within its session, from 1. */
export const evaluationId = z.int().positive().meta({ id: 'EvaluationId' })

/** Seeds are integers below 2^53, so that every language holds them exactly. */
export const seed = z.int().nonnegative().meta({ id: 'Seed' })

export const elementSymbol = z.string().min(1).max(2)

/** 3 x 3, rows are the cell vectors, angstrom. */
const vector = z.tuple([z.number(), z.number(), z.number()])

/** A crystal, or (species null) a skeleton, sent inline. */
export const inlineStructure = z
  .strictObject({
    lattice: z.tuple([vector, vector, vector]).meta({ description: 'rows are the cell vectors, angstrom' }),
    frac_coords: z.array(vector).min(1).meta({ description: 'fractional coordinates, N x 3' }),
    species: z.array(elementSymbol).nullish().meta({ description: 'N element symbols, where known' }),
    space_group: z.int().min(1).max(230).nullish(),
  })
  .meta({ id: 'Structure' })

/** A whole crystal, sent inline. */
export const filledStructure = inlineStructure
  .omit({ species: true })
  .extend({ species: z.array(elementSymbol).min(1).meta({ description: 'N element symbols' }) })
  .meta({ id: 'FilledStructure' })

export const errorBody = z
  .strictObject({
    code: z.enum(Object.keys(ERRORS) as [ErrorCode, ...ErrorCode[]]),
    message: z.string(),
    retryable: z.boolean(),
    details: z.record(z.string(), z.unknown()),
  })
  .meta({ id: 'Error' })

/** The answer to a request that failed; `id` is null where the request's id could not be read. */
export const failure = z
  .strictObject({ id: requestId.nullable(), ok: z.literal(false), error: errorBody })
  .meta({ id: 'Failure' })
