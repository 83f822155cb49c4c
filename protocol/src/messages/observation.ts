import { z } from 'zod'
import { ndArraySchema as array } from '../nd-array.js'
import { evaluationId } from './common.js'

/**
 * What does not change in an episode. In a vector the crystals stand one after the other: `site_counts` and `edge_counts`
 * say where each ends, `env` whose they are; site indices in `edges` and `order` count from 0 within each crystal.
 */
export const graph = z
  .strictObject({
    env: array.optional().meta({ description: 'int32 [b], vector only: the environments whose graphs these are' }),
    site_counts: array.meta({ description: 'int32 [b]: N of each crystal; b = 1 for a single environment' }),
    edge_counts: array.meta({ description: 'int32 [b]: E of each crystal' }),
    lattice: array.meta({ description: 'float64 [b, 3, 3]: rows are the cell vectors, angstrom' }),
    frac_coords: array.meta({ description: 'float64 [sum N, 3]' }),
    edges: array.meta({ description: 'uint16 [sum E, 2]: undirected, use both directions' }),
    images: array.meta({ description: 'int8 [sum E, 3]: cell of the second site' }),
    distances: array.meta({ description: 'float64 [sum E]: angstrom' }),
    space_group: array.meta({ description: 'uint16 [b]' }),
    order: array.meta({ description: 'uint16 [sum N]: the breadth-first order in which sites are filled' }),
    target: array.meta({ description: 'float64 [b]: target band gap, eV; NaN without one' }),
  })
  .meta({ id: 'Graph' })

/** What an agent sees. In a vector of n environments `focus` and `step` are int32 [n], else integers. */
export const observation = z
  .strictObject({
    elements: array.meta({ description: 'uint8 [sum N]: element index per site, 88 where unfilled' }),
    focus: z.union([z.int(), array]).meta({ description: 'the site to fill next; -1 after the last' }),
    step: z.union([z.int(), array]).meta({ description: 'sites filled so far' }),
    graph: graph.optional().meta({ description: 'present when an episode starts, or always with observe: full' }),
  })
  .meta({ id: 'Observation' })

/** Why a crystal has no evaluation. */
export const crystalFailure = z
  .strictObject({ class: z.string(), message: z.string() })
  .meta({ description: 'why there is no evaluation, e.g. class `unlabelled`' })

/** What came with a new episode. */
const episode = z
  .strictObject({
    seed: z
      .int()
      .meta({ description: 'effective seed: a reset with it, and the same crystal, gives this episode again' }),
    split: z.string().nullable().meta({ description: 'null for an inline structure' }),
    index: z.int().nullable().meta({ description: 'of the crystal within the split; null for an inline structure' }),
    sites: z.int(),
    source: z.int().meta({ description: 'first site of the order' }),
  })
  .meta({ id: 'Episode' })

/** The same for a vector, a column for each field: b episodes. */
const episodes = z
  .strictObject({
    env: array.meta({ description: 'int32 [b]: the environments in which an episode starts' }),
    seed: array.meta({ description: 'float64 [b]' }),
    split: z.array(z.string().nullable()).meta({ description: '[b]' }),
    index: array.meta({ description: 'int32 [b]; -1 for an inline structure' }),
    sites: array.meta({ description: 'int32 [b]' }),
    source: array.meta({ description: 'int32 [b]' }),
  })
  .meta({ id: 'Episodes' })

/** How a filled crystal was judged. The fields `true_...` and `crystal` are null where the server may not tell. */
export const outcome = z
  .strictObject({
    failure: crystalFailure.nullable(),
    source: z.string().nullable().meta({ description: 'who evaluated, e.g. `recorded`' }),
    evaluation: evaluationId.nullable().meta({
      description: 'the reward is deferred: an event of this evaluation brings it; the fields beside are null',
    }),
    total_energy_ry: z.number().nullable(),
    band_gap_ev: z.number().nullable(),
    formation_energy_ev_per_atom: z.number().nullable(),
    elements: array.meta({ description: 'uint8 [N]: the filling' }),
    true_elements: array.nullable().meta({ description: 'uint8 [N]: the ground truth' }),
    crystal: z.string().nullable().meta({ description: 'id of the crystal' }),
    true_total_energy_ry: z.number().nullable(),
    true_band_gap_ev: z.number().nullable(),
  })
  .meta({ id: 'Outcome' })

/** The same for a vector, a column for each field: m episodes that ended. Numbers that are not known are NaN. */
const outcomes = z
  .strictObject({
    env: array.meta({ description: 'int32 [m]: the environments in which an episode ended' }),
    failures: z.array(crystalFailure).meta({ description: 'the different failures' }),
    failure: array.meta({ description: 'int32 [m]: place in `failures`; -1 where the crystal was evaluated' }),
    source: z.array(z.string().nullable()).meta({ description: '[m]' }),
    evaluation: array.meta({ description: 'int32 [m]: evaluations whose events bring the deferred rewards; 0: none' }),
    total_energy_ry: array.meta({ description: 'float64 [m]' }),
    band_gap_ev: array.meta({ description: 'float64 [m]' }),
    formation_energy_ev_per_atom: array.meta({ description: 'float64 [m]' }),
    site_counts: array.meta({ description: 'int32 [m]' }),
    elements: array.meta({ description: 'uint8 [sum N]: the fillings, one after the other' }),
    true_elements: array.nullable().meta({ description: 'uint8 [sum N]: the ground truth; 88 where there is none' }),
    crystal: z.array(z.string().nullable()).nullable().meta({ description: '[m]' }),
    true_total_energy_ry: array.nullable().meta({ description: 'float64 [m]' }),
    true_band_gap_ev: array.nullable().meta({ description: 'float64 [m]' }),
  })
  .meta({ id: 'Outcomes' })

export const info = z
  .strictObject({
    mask: array.optional().meta({ description: 'bool [88] or [n, 88]: the allowed actions' }),
    episode: episode.optional().meta({ description: 'single environment: an episode starts here' }),
    outcome: outcome.optional().meta({ description: 'single environment: its episode ends here' }),
    episodes: episodes.optional().meta({ description: 'vector: episodes start here' }),
    outcomes: outcomes
      .optional()
      .meta({ description: 'vector: episodes end here; with same_step the last observation is `elements`' }),
  })
  .meta({ id: 'Info' })

export type EpisodeInfo = z.output<typeof episode>
export type EpisodesInfo = z.output<typeof episodes>
export type Outcome = z.output<typeof outcome>
export type Outcomes = z.output<typeof outcomes>
