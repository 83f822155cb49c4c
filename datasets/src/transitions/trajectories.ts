import { invertPermutation } from '../crystal/site-order.js'
import { adjacency, breadthFirstOrder } from '../graph/traversal.js'
import { draw, mix, randomStream, shuffle, type RandomGenerator } from '../randomness.js'
import { DataSetError } from '../store/data-set-error.js'
import type { CrystalShard } from '../store/shard.js'
import { PAPER_SOURCES } from '../store/transition-count.js'
import type { CrystalFilter } from './crystal-filter.js'
import { selectCrystals } from './crystal-filter.js'

/** How crystals become recorded episodes. The defaults are the paper's data. */
export interface TrajectoryOptions {
  /** Sources per crystal: the sites 0..min(sources, N)-1, or all N. Default: 5. */
  readonly sources?: number | 'all'
  /** Crystals whose graph falls into parts: left out (default), or continued from the lowest unvisited site. */
  readonly disconnected?: 'drop' | 'continue'
  /**
   * `file` (default): sites are numbered as the data set lists them; the listing groups elements, which leaks them.
   * `shuffled`: each trajectory numbers the sites at random, and sources are drawn without replacement.
   */
  readonly sites?: 'file' | 'shuffled'
  /** `breadth-first` (default), neighbours in ascending number; `random`: any order that begins at the source. */
  readonly order?: 'breadth-first' | 'random'
  /**
   * Fillings per order: the recorded one (default 1) and, up to this many, others that the symmetry of the skeleton
   * makes the same crystal.
   */
  readonly fillings?: number
  /** Of everything drawn at random; an integer below 2^53. Default: 0. */
  readonly seed?: number
  /** Only crystals that pass. */
  readonly filter?: CrystalFilter
}

/**
 * Trajectories, one after the other, their transitions one after the other: transition t of trajectory j, with
 * starts[j] <= t < starts[j + 1], puts element actions[t] on site sites[t] of crystal crystals[j]. Its state is that
 * crystal with the sites sites[starts[j]..t) filled. So an array of T numbers holds what T states would.
 */
export interface Trajectories {
  /** J + 1. */
  readonly starts: Uint32Array
  /** J rows of the shard. */
  readonly crystals: Uint32Array
  /** T sites, as the shard lists them. */
  readonly sites: Uint16Array
  /** T element indices. */
  readonly actions: Uint8Array
  /** T: site k of the trajectory's own numbering is numbering[starts[j] + k] of the shard; null: the same. */
  readonly numbering: Uint16Array | null
}

/** `randomStream` purposes. */
const SOURCES = 111
const ORDER = 112
const FILLINGS = 113

/**
 * The trajectories of a split.
 *
 * @throws {DataSetError} `bad_argument`
 */
export function makeTrajectories(shard: CrystalShard, options: TrajectoryOptions = {}): Trajectories {
  const rules = checkOptions(options)
  const rows = [...selectCrystals(shard, options.filter)].filter((row) => rules.keepsParts || shard.connected(row))
  const fillings = rows.map((row) =>
    rules.fillings > 1 ? equivalentFillings(shard, row, rules) : [recorded(shard, row)],
  )
  const room = countTrajectories(fillings, rules.sources)
  const starts = new Uint32Array(room.trajectories + 1)
  const crystals = new Uint32Array(room.trajectories)
  const sites = new Uint16Array(room.transitions)
  const actions = new Uint8Array(room.transitions)
  const numbering = rules.isShuffled ? new Uint16Array(room.transitions) : null
  let trajectory = 0
  let t = 0
  for (const [i, row] of rows.entries()) {
    const count = shard.siteCount(row)
    const neighbors = adjacency(shard.graph(row), count)
    const sourceStream = rules.isShuffled ? randomStream(rules.seed, mix(SOURCES, row)) : null
    const listed = identity(count)
    if (sourceStream) shuffle(listed, sourceStream)
    const used = Math.min(rules.sources, count)
    for (let k = 0; k < used; k++) {
      const source = listed[k]
      const stream = rules.isRandom || rules.isShuffled ? randomStream(rules.seed, mix(mix(ORDER, row), k)) : null
      const own = identity(count)
      if (rules.isShuffled) shuffle(own, stream!)
      const order = rules.isRandom
        ? randomOrder(count, source, stream!)
        : breadthFirstOrder(neighbors, source, { rank: rules.isShuffled ? invertPermutation(own) : undefined })
      for (const filling of fillings[i]) {
        crystals[trajectory] = row
        numbering?.set(own, t)
        for (let step = 0; step < count; step++) {
          sites[t + step] = order[step]
          actions[t + step] = filling[order[step]]
        }
        t += count
        starts[++trajectory] = t
      }
    }
  }
  return { starts, crystals, sites, actions, numbering }
}

interface Rules {
  readonly sources: number
  readonly keepsParts: boolean
  readonly isShuffled: boolean
  readonly isRandom: boolean
  readonly fillings: number
  readonly seed: number
}

function checkOptions(options: TrajectoryOptions): Rules {
  const { sources = PAPER_SOURCES, disconnected = 'drop', fillings = 1, seed = 0 } = options
  const wrong = (name: string, value: unknown, fix: string) => {
    throw new DataSetError('bad_argument', `${name} is ${JSON.stringify(value)}`, fix)
  }
  if (sources !== 'all' && !(Number.isSafeInteger(sources) && sources >= 1)) {
    wrong('the number of sources', sources, 'give a whole number, at least 1, or all')
  }
  if (!(Number.isSafeInteger(fillings) && fillings >= 1)) {
    wrong('the number of fillings', fillings, 'give a whole number, at least 1')
  }
  if (!(Number.isSafeInteger(seed) && seed >= 0)) wrong('the seed', seed, 'give a whole number from 0 to 2^53 - 1')
  return {
    sources: sources === 'all' ? Infinity : sources,
    keepsParts: disconnected === 'continue',
    isShuffled: options.sites === 'shuffled',
    isRandom: options.order === 'random',
    fillings,
    seed,
  }
}

/** How much room the trajectories need. */
function countTrajectories(fillings: readonly (readonly Uint8Array[])[], sources: number) {
  let trajectories = 0
  let transitions = 0
  for (const variants of fillings) {
    const sites = variants[0].length
    const orders = Math.min(sources, sites)
    trajectories += orders * variants.length
    transitions += orders * variants.length * sites
  }
  if (transitions > 2 ** 30) {
    const what = `${transitions} transitions are more than the 2^30 that one set holds`
    throw new DataSetError('bad_argument', what, 'take fewer sources or fillings, or filter the crystals')
  }
  return { trajectories, transitions }
}

function recorded(shard: CrystalShard, row: number): Uint8Array {
  return shard.structure(row).species
}

/** The recorded filling, and different ones that a symmetry operation of the skeleton makes of it, drawn by the seed. */
function equivalentFillings(shard: CrystalShard, row: number, { fillings, seed }: Rules): Uint8Array[] {
  const species = recorded(shard, row)
  const distinct = new Map([[species.join(), species]])
  for (const permutation of shard.permutations(row)) {
    const filling = new Uint8Array(species.length)
    for (let site = 0; site < species.length; site++) filling[permutation[site]] = species[site]
    const key = filling.join()
    if (!distinct.has(key)) distinct.set(key, filling)
  }
  const [first, ...others] = distinct.values()
  const stream = randomStream(seed, mix(FILLINGS, row))
  const chosen = [first]
  while (chosen.length < fillings && others.length > 0) {
    chosen.push(others.splice(draw(stream, others.length), 1)[0])
  }
  return chosen
}

function randomOrder(count: number, source: number, stream: RandomGenerator): Uint16Array {
  const rest = identity(count).filter((site) => site !== source)
  shuffle(rest, stream)
  return Uint16Array.of(source, ...rest)
}

function identity(count: number): Uint16Array {
  const sites = new Uint16Array(count)
  for (let site = 0; site < count; site++) sites[site] = site
  return sites
}
