import { z } from 'zod'
import { ndArraySchema as array } from '../nd-array.js'
import { elementSymbol, seed } from './common.js'
import { rewardOptions } from './options.js'

const range = z.strictObject({ min: z.number().optional(), max: z.number().optional() })

/** Which crystals; every condition narrows. */
const filter = z
  .strictObject({
    gap_ev: range.optional().meta({ description: 'band gap, eV, ends included; a crystal without one is left out' }),
    sites: range.optional().meta({ description: 'number of sites, ends included' }),
    elements: z.array(elementSymbol).min(1).optional().meta({ description: 'made of these elements alone' }),
  })
  .meta({ id: 'CrystalFilter' })

/** A piece of the recorded transitions of a split. */
export const transitionsRequest = {
  name: z.string().nullish().meta({ description: 'data set; left out: the first the server has' }),
  split: z.string().nullish().meta({ description: 'split; left out: the first of the data set' }),
  order: z
    .enum(['sequential', 'shuffled'])
    .default('sequential')
    .meta({ description: 'trajectory after trajectory, or each transition once in an order drawn by the seed' }),
  seed: seed.default(0),
  from: z.int().nonnegative().default(0).meta({ description: 'cursor: `next` of the answer before' }),
  count: z
    .int()
    .positive()
    .optional()
    .meta({ description: 'at most so many; the server gives no more than limits.transitions_per_answer' }),
  sources: z
    .union([z.int().positive(), z.literal('all')], { error: 'a whole number from 1 on, or all, is needed' })
    .default(5)
    .meta({ description: 'breadth-first orders per crystal, from the sites 0..sources-1' }),
  disconnected: z
    .enum(['drop', 'continue'])
    .default('drop')
    .meta({ description: 'crystals whose graph falls into parts: left out (the paper), or continued' }),
  filter: filter.prefault({}),
  reward: rewardOptions.prefault({}),
  graphs: z.boolean().default(true).meta({ description: 'send the crystals that the transitions belong to' }),
}

/** The crystals of a piece, one after the other; sites as the data set lists them. */
const crystals = z
  .strictObject({
    crystal: array.meta({ description: 'int32 [c]: index within the split, ascending' }),
    id: z.array(z.string()).meta({ description: '[c]' }),
    site_counts: array.meta({ description: 'int32 [c]' }),
    edge_counts: array.meta({ description: 'int32 [c]' }),
    lattice: array.meta({ description: 'float64 [c, 3, 3]: rows are the cell vectors, angstrom' }),
    frac_coords: array.meta({ description: 'float64 [sum N, 3]' }),
    edges: array.meta({ description: 'uint16 [sum E, 2]: undirected' }),
    images: array.meta({ description: 'int8 [sum E, 3]: cell of the second site' }),
    distances: array.meta({ description: 'float64 [sum E], angstrom' }),
    space_group: array.meta({ description: 'uint16 [c]: of the filled crystal' }),
    total_energy_ry: array.meta({ description: 'float64 [c]; NaN: unknown' }),
    band_gap_ev: array.meta({ description: 'float64 [c]; NaN: unknown' }),
  })
  .meta({ id: 'RecordedCrystals' })

export const transitionsResult = z
  .strictObject({
    name: z.string(),
    hash: z.string().meta({ description: 'of the data set' }),
    split: z.string(),
    from: z.int(),
    next: z.int().nullable().meta({ description: 'cursor of the next piece; null after the last' }),
    total: z.int().meta({ description: 'transitions that the request can reach from 0 on' }),
    crystal: array.meta({ description: 'int32 [n]: index within the split' }),
    trajectory: array.meta({ description: 'int32 [n]' }),
    step: array.meta({ description: 'int32 [n]: sites filled before' }),
    focus: array.meta({ description: 'int32 [n]: site to fill' }),
    next_focus: array.meta({ description: "int32 [n]: that of s'; -1 where s' is terminal" }),
    action: array.meta({ description: 'uint8 [n]: element index put there' }),
    reward: array.meta({ description: 'float64 [n]: 0 before the last step' }),
    terminated: array.meta({ description: "bool [n]: whether s' is terminal" }),
    site_counts: array.meta({ description: 'int32 [n]' }),
    elements: array.meta({ description: "uint8 [sum N]: s; s' has `action` on `focus` besides" }),
    crystals: crystals.optional(),
  })
  .meta({ id: 'Transitions' })
