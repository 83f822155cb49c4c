import { z } from 'zod'
import { elementSymbol } from './common.js'

/** Parameters of the terminal reward, Eq. (7): alpha1 log10(-E) + alpha2 exp(-(p - target)^2 / beta). */
export const rewardOptions = z
  .strictObject({
    alpha1: z.number().nonnegative().default(1).meta({ description: 'weight of the energy term' }),
    alpha2: z
      .number()
      .nonnegative()
      .default(5)
      .meta({ description: 'weight of the band-gap term; without a target the term is 0' }),
    beta: z.number().positive().default(3).meta({ description: 'width of the band-gap term, eV^2' }),
    target: z
      .number()
      .nonnegative()
      .nullable()
      .default(null)
      .meta({ description: 'target band gap, eV; null: unconditional' }),
    energy: z
      .enum(['total', 'formation'])
      .default('total')
      .meta({ description: 'total energy of the cell (Ry), or formation energy per atom (eV)' }),
    failure: z.number().default(-1).meta({ description: 'reward of a crystal without a valid evaluation' }),
  })
  .meta({ id: 'RewardOptions' })

/** What fillings are allowed; every rule narrows the mask. */
export const constraints = z
  .strictObject({
    elements: z
      .array(elementSymbol)
      .min(1)
      .nullable()
      .default(null)
      .meta({ description: 'allowed elements; null: all' }),
    formula: z
      .record(elementSymbol, z.int().positive())
      .nullable()
      .default(null)
      .meta({ description: 'stoichiometry of the filled cell, as smallest integers or multiples' }),
    max_elements: z
      .int()
      .positive()
      .nullable()
      .default(null)
      .meta({ description: 'at most so many different elements' }),
    neutral: z
      .boolean()
      .default(false)
      .meta({ description: 'charge neutrality must stay reachable; on the last site the filling must be SMACT-valid' }),
  })
  .meta({ id: 'Constraints' })

/** Options of `CrystalFill-v1`; `make` answers with every default filled in. */
export const environmentOptions = z
  .strictObject({
    dataset: z.string().nullable().default(null).meta({ description: 'data set; null: the first the server has' }),
    split: z.string().nullable().default(null).meta({ description: 'split; null: the first of the data set' }),
    select: z.enum(['random', 'sequential']).default('random').meta({
      description: 'which crystal an episode gets: drawn by the seed, or one after the other, wrapping around',
    }),
    sites: z
      .enum(['shuffled', 'file'])
      .default('shuffled')
      .meta({ description: 'order of the sites: by the seed of the episode, or as listed (which leaks the elements)' }),
    source: z
      .union([z.int().nonnegative(), z.literal('random')], { error: 'a site index from 0 on, or random, is needed' })
      .default(0)
      .meta({ description: 'site at which the breadth-first order starts, modulo the number of sites' }),
    space_group: z
      .enum(['crystal', 'skeleton'])
      .default('crystal')
      .meta({ description: 'number of the true crystal (the paper), or of the bare skeleton (no leak)' }),
    reward: rewardOptions.prefault({}),
    constraints: constraints.prefault({}),
    mask: z.boolean().default(false).meta({ description: 'send info.mask with every observation' }),
    observe: z
      .enum(['changes', 'full'])
      .default('changes')
      .meta({ description: 'whether an observation repeats the graph at every step or sends it once an episode' }),
    reveal: z
      .enum(['end', 'never'])
      .default('end')
      .meta({ description: 'whether info tells the true elements and the crystal id when the episode has ended' }),
    rewards: z.enum(['wait', 'defer']).default('wait').meta({
      description:
        'where a reward must be calculated first: answer when it is known, or at once and send it in an event later',
    }),
    autoreset: z
      .enum(['disabled', 'next_step', 'same_step'])
      .nullable()
      .default(null)
      .meta({ description: "Gymnasium's modes; null: disabled for one environment, next_step for a vector" }),
  })
  .meta({ id: 'EnvironmentOptions' })

export type RewardOptions = z.output<typeof rewardOptions>
export type Constraints = z.output<typeof constraints>
export type EnvironmentOptions = z.output<typeof environmentOptions> & {
  autoreset: 'disabled' | 'next_step' | 'same_step'
  dataset: string
  split: string
}
/** Options as a client may write them. */
export type EnvironmentOptionsInput = z.input<typeof environmentOptions>
