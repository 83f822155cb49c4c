import type {
  Client,
  EnvironmentOptionsInput,
  EpisodesInfo,
  Outcomes,
  Progress,
  VectorEnv,
  VectorObservation,
  VectorStep,
} from '@unitcell/protocol'
import { fromNdArray, ProtocolError, type EpisodeGraph, type NdArray } from '@unitcell/protocol'
import type { Agent } from './agent.js'
import type { GeneratedCrystal } from './generated-crystal.js'

export interface PlayOptions {
  /** Of the first episodes; the others follow from it. */
  readonly seed: number
  /** Default: as many as the split has crystals. More start over from the first crystal, with other seeds. */
  readonly episodes?: number
  /** Environments stepped together. Default: 64. */
  readonly batch?: number
  /** Options of the environment next to those that playing a whole split decides. */
  readonly environment?: Omit<EnvironmentOptionsInput, 'select' | 'autoreset'>
  /**
   * Called when another episode is done, its reward included, and while rewards are awaited that must be calculated.
   * `awaited` says how far those are, for people; empty where there are none.
   */
  readonly onProgress?: (done: number, total: number, awaited: string) => void
}

interface RunningEpisode {
  /** Place in the order of starting. */
  readonly number: number
  readonly seed: number
  readonly index: number
  readonly graph: EpisodeGraph
}

/**
 * Plays the crystals of a split one after the other, in batches over the wire: the client loop of all agents.
 *
 * @returns the filled crystals, in the order of the split
 * @throws ProtocolError, ConnectionError
 */
export async function play(client: Client, agent: Agent, options: PlayOptions): Promise<GeneratedCrystal[]> {
  const environment = { ...options.environment, select: 'sequential', autoreset: 'same_step' } as const
  const probe = await client.make('CrystalFill-v1', environment)
  const { dataset, split } = probe.spec.options as { dataset: string; split: string }
  await probe.close()
  const crystals = client.server.datasets.find(({ name }) => name === dataset)!.splits[split].crystals
  const total = options.episodes ?? crystals
  const count = Math.min(options.batch ?? 64, total)
  const env = await client.makeVector('CrystalFill-v1', count, environment)
  try {
    const player = new Player(client, agent, env, { dataset, split, total }, options.onProgress ?? (() => {}))
    return await player.play(options.seed)
  } finally {
    await env.close().catch(() => {})
  }
}

class Player {
  readonly #running: RunningEpisode[] = []
  readonly #generated: GeneratedCrystal[] = []
  #started = 0
  #done = 0
  /** Crystals whose rewards are deferred. */
  readonly #deferred = new Set<Promise<void>>()

  constructor(
    readonly client: Client,
    readonly agent: Agent,
    readonly env: VectorEnv,
    readonly what: { readonly dataset: string; readonly split: string; readonly total: number },
    readonly onProgress: NonNullable<PlayOptions['onProgress']>,
  ) {}

  async play(seed: number): Promise<GeneratedCrystal[]> {
    const { total } = this.what
    let { observation, info } = await this.env.reset({ seed })
    this.#start(info.episodes!, observation.graphs)
    while (this.#done + this.#deferred.size < total) {
      const mask = info.mask === undefined ? null : (fromNdArray(info.mask) as Uint8Array)
      const step = await this.#step(await this.agent.act(observation, mask))
      if (step.info.outcomes !== undefined) this.#finish(step.info.outcomes, step.rewards)
      if (step.info.episodes !== undefined) this.#start(step.info.episodes, step.observation.graphs)
      ;({ observation, info } = (await this.#spare(step.observation)) ?? step)
      this.#tell()
    }
    while (this.#deferred.size > 0) await Promise.race(this.#deferred)
    return this.#generated
  }

  async #step(actions: ArrayLike<number>): Promise<VectorStep> {
    const waiting = new Map<number, Progress>()
    const onProgress = (progress: Progress) => {
      waiting.set(progress.env ?? 0, progress)
      this.onProgress(this.#done, this.what.total, describe(waiting))
    }
    for (;;) {
      try {
        return await this.env.step(actions, { onProgress })
      } catch (error) {
        const isFull = error instanceof ProtocolError && error.code === 'too_many_evaluations'
        if (!isFull || this.#deferred.size === 0) throw error
        await Promise.race(this.#deferred)
      }
    }
  }

  /**
   * Episodes that start when all have started only keep the vector full. They begin anew before they end, so that nothing
   * is calculated for them.
   */
  async #spare(observation: VectorObservation): Promise<Pick<VectorStep, 'observation' | 'info'> | null> {
    if (this.#started <= this.what.total) return null
    const which = this.#running.flatMap(({ number, graph }, env) =>
      number >= this.what.total && graph.sites > 1 && observation.step[env] === graph.sites - 1 ? [env] : [],
    )
    if (which.length === 0) return null
    const begun = await this.env.reset({ which })
    this.#start(begun.info.episodes!, begun.observation.graphs)
    return begun
  }

  #tell(): void {
    const { size } = this.#deferred
    this.onProgress(this.#done, this.what.total, size === 0 ? '' : `${size} rewards awaited`)
  }

  #start(episodes: EpisodesInfo, graphs: readonly EpisodeGraph[]): void {
    const seeds = fromNdArray(episodes.seed)
    const indices = fromNdArray(episodes.index)
    fromNdArray(episodes.env).forEach((env, i) => {
      this.#running[env] = { number: this.#started++, seed: seeds[i], index: indices[i], graph: graphs[env] }
    })
  }

  #finish(outcomes: Outcomes, rewards: Float64Array): void {
    const { dataset, split, total } = this.what
    const columns = readOutcomes(outcomes, this.client.server.elements)
    const deferred = fromNdArray(outcomes.evaluation)
    fromNdArray(outcomes.env).forEach((env, i) => {
      const { number, seed, index, graph } = this.#running[env]
      if (number >= total) return
      const crystal: GeneratedCrystal = {
        id: outcomes.crystal?.[i] ?? `${split}-${index}`,
        agent: this.agent.name,
        dataset,
        split,
        index,
        seed,
        lattice: triples(graph.lattice),
        frac_coords: triples(graph.fracCoords),
        space_group: graph.spaceGroup,
        target: graph.target,
        reward: rewards[env],
        ...columns(i),
      }
      this.#generated[number] = crystal
      if (deferred[i] === 0) this.#done++
      else this.#await(deferred[i], number, crystal)
    })
  }

  /** Completes a crystal when its reward is known. A failure fails the play where it next waits. */
  #await(evaluation: number, number: number, crystal: GeneratedCrystal): void {
    const known = this.env.evaluation(evaluation).then(({ reward, outcome }) => {
      const { failure, band_gap_ev, total_energy_ry } = outcome
      this.#generated[number] = { ...crystal, reward, failure, band_gap_ev, total_energy_ry }
      this.#done++
      this.#deferred.delete(known)
      this.#tell()
    })
    known.catch(() => {})
    this.#deferred.add(known)
  }
}

/** How far the rewards are that a step waits for. */
function describe(waiting: ReadonlyMap<number, Progress>): string {
  const all = [...waiting.values()]
  const running = all.filter((one) => one.state === 'running')
  const queued = all.filter((one) => one.state === 'queued')
  const furthest = running.reduce((most, one) => Math.max(most, one.iteration ?? 0), 0)
  const text = `calculating ${running.length} rewards`
  return `${text}${furthest > 0 ? ` (SCF iteration ${furthest})` : ''}, ${queued.length} queued`
}

type Judgement = Pick<
  GeneratedCrystal,
  | 'generated_species'
  | 'true_species'
  | 'failure'
  | 'band_gap_ev'
  | 'total_energy_ry'
  | 'true_band_gap_ev'
  | 'true_total_energy_ry'
>

/** Reads the columns of outcomes row by row. */
function readOutcomes(outcomes: Outcomes, symbols: readonly string[]): (row: number) => Judgement {
  const ends: number[] = []
  fromNdArray(outcomes.site_counts).forEach((sites, i) => ends.push((ends[i - 1] ?? 0) + sites))
  const species = (array: NdArray, row: number) =>
    Array.from(fromNdArray(array).subarray(ends[row - 1] ?? 0, ends[row]), (element) => symbols[element])
  const number = (column: NdArray | null, row: number) => {
    const value = column === null ? NaN : fromNdArray(column)[row]
    return Number.isNaN(value) ? null : value
  }
  return (row) => {
    const truth = outcomes.true_elements === null ? null : species(outcomes.true_elements, row)
    return {
      generated_species: species(outcomes.elements, row),
      true_species: truth?.includes(undefined!) ? null : truth,
      failure: outcomes.failures[fromNdArray(outcomes.failure)[row]] ?? null,
      band_gap_ev: number(outcomes.band_gap_ev, row),
      total_energy_ry: number(outcomes.total_energy_ry, row),
      true_band_gap_ev: number(outcomes.true_band_gap_ev, row),
      true_total_energy_ry: number(outcomes.true_total_energy_ry, row),
    }
  }
}

function triples(values: Float64Array): number[][] {
  return Array.from({ length: values.length / 3 }, (_, row) => [...values.subarray(3 * row, 3 * row + 3)])
}
