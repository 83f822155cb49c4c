import { randomInt } from 'node:crypto'
import { ELEMENT_COUNT } from '@unitcell/datasets'
import {
  ProtocolError,
  toNdArray,
  type EnvironmentOptions,
  type NdArray,
  type Outcome,
  type Result,
} from '@unitcell/protocol'
import { ActionMask } from './action-mask.js'
import { CrystalChoice } from './crystal-choice.js'
import type { CrystalLibrary } from './crystal-library.js'
import { Episode } from './episode.js'
import type { Evaluation, Evaluator, SkeletonSource } from './evaluation.js'
import {
  describeEnding,
  describeEndings,
  describeStart,
  describeStarts,
  type Deferred,
  type Ending,
} from './episode-info.js'
import { observeAll, observeOne } from './observation.js'
import type { PreparedCrystal } from './prepared-crystal.js'
import { draw, stream, type RandomGenerator } from './randomness.js'
import { terminalReward } from './reward.js'

type Observation = Result<'reset'>['observation']
type Info = Result<'reset'>['info']
export type ResetResult = Result<'reset'>
export type StepResult = Result<'step'>

/** What a reset changes; everything else stays as `make` set it. */
export interface ResetRequest {
  /** Effective seeds by environment; environments not in it go on with their own stream. */
  readonly seeds: ReadonlyMap<number, number>
  /** The environments to reset, ascending. */
  readonly which: readonly number[]
  /** Crystals to fill, by environment; others are chosen by the options. */
  readonly crystals: ReadonlyMap<number, PreparedCrystal>
  /** Where `select: sequential` goes on; undefined: where it was. */
  readonly start?: number | undefined
}

/** A crystal that a step would fill to its end, and whose evaluation must be calculated first. */
export interface MissingEvaluation {
  readonly env: number
  readonly skeleton: SkeletonSource
  /** The filling, in the site order of `skeleton`. */
  readonly species: Uint8Array
  /** What follows from the evaluation; the step has to be complete by then. */
  readonly judge: (evaluation: Evaluation) => { readonly reward: number; readonly outcome: Outcome }
}

/** A step that lacks evaluations. Nothing has changed, and nothing does before it is completed. */
export class OpenStep {
  constructor(
    readonly missing: readonly MissingEvaluation[],
    /** Carries the step out. Takes the evaluations of `missing`, in their order, or what stands for them. */
    readonly complete: (evaluations: readonly (Evaluation | Deferred)[]) => StepResult,
  ) {}
}

/** One of the environments of a handle. */
interface Slot {
  episode: Episode | null
  /** The rules under which the episode started; a reset of other environments may change them for what follows. */
  mask: ActionMask
  /** Seeds of the episodes that follow the one whose seed was given. */
  seeds: RandomGenerator | null
  /** next_step: the episode ended at the last step, so the next one starts a new one and ignores its action. */
  awaitsReset: boolean
}

/**
 * `CrystalFill-v1`: a Markov decision process in which an agent fills the sites of a crystal skeleton with elements, one
 * at a time in breadth-first order, and is rewarded at the end (the paper, section 3). One environment, or a vector of
 * them that are stepped together, with Gymnasium's semantics of autoreset.
 */
export class CrystalFill {
  readonly isVector: boolean
  readonly #slots: Slot[]
  #mask: ActionMask
  #choice: CrystalChoice

  /** @throws ProtocolError `invalid_options`, `unknown_split` */
  constructor(
    readonly library: CrystalLibrary,
    readonly evaluator: Evaluator,
    public options: EnvironmentOptions,
    readonly count: number | null,
  ) {
    this.isVector = count !== null
    const mask = new ActionMask(options.constraints)
    this.#slots = Array.from({ length: count ?? 1 }, () => ({ episode: null, mask, seeds: null, awaitsReset: false }))
    this.#mask = mask
    this.#choice = new CrystalChoice(library, options.split, options.select, mask.formulaSites)
  }

  /** Number of environments. */
  get size(): number {
    return this.#slots.length
  }

  /**
   * Starts episodes.
   *
   * @param options of these episodes and of those that follow; episodes that go on keep the rules they started with
   * @throws ProtocolError `invalid_options`, `reset_needed`, and then nothing has changed
   */
  reset({ seeds, which, crystals, start }: ResetRequest, options: EnvironmentOptions): ResetResult {
    const chosen = new Set(which)
    const unready = this.#slots.findIndex((slot, env) => slot.episode === null && !chosen.has(env))
    if (unready >= 0) throw new ProtocolError('reset_needed', `environment ${unready} was never reset; reset all first`)
    if (options !== this.options) this.#reconfigure(options, crystals)
    else this.#requireFit(crystals, this.#mask)
    if (start !== undefined) this.#choice.startAt(start)
    for (const env of which) {
      const seed = seeds.get(env)
      if (seed !== undefined) this.#slots[env].seeds = null
      this.#begin(env, seed ?? this.#nextSeed(env), crystals.get(env))
    }
    return { observation: this.#observe(which), info: this.#info(which, []) }
  }

  /**
   * One action per environment.
   *
   * @param actions element indices; those of environments that a step only resets are ignored
   * @returns an open step where the evaluation of a filled crystal is not known at once
   * @throws ProtocolError `invalid_action`, `masked_action`, `reset_needed`, `episode_over`: nothing has changed then
   */
  step(actions: ArrayLike<number>): StepResult | OpenStep {
    this.#validate(actions)
    // Judged before anything changes, so that a step is whole or not at all however long an evaluation takes.
    const evaluations: (Evaluation | null)[] = []
    let isOpen = false
    for (let env = 0; env < this.size; env++) {
      const { episode, awaitsReset } = this.#slots[env]
      if (awaitsReset || !episode!.isLast) continue
      const known = this.evaluator.lookup(episode!.crystal.source, episode!.listedFillingWith(actions[env]))
      if (known === null) isOpen = true
      evaluations.push(known)
    }
    return isOpen ? this.#open(Array.from(actions), evaluations) : this.#advance(actions, evaluations as Evaluation[])
  }

  #open(actions: readonly number[], known: readonly (Evaluation | null)[]): OpenStep {
    const told = this.options.reveal === 'end'
    const ending = this.#slots.flatMap(({ episode, awaitsReset }, env) =>
      !awaitsReset && episode!.isLast ? [{ env, episode: episode! }] : [],
    )
    const missing = ending
      .filter((_, i) => known[i] === null)
      .map(({ env, episode }): MissingEvaluation => {
        const judge = (evaluation: Evaluation) => {
          const ending = judged(episode, evaluation)
          return { reward: ending.reward, outcome: describeEnding(ending, told) }
        }
        const { source: skeleton } = episode.crystal
        return { env, skeleton, species: episode.listedFillingWith(actions[env]), judge }
      })
    return new OpenStep(missing, (evaluations) => {
      const found = evaluations.values()
      return this.#advance(
        actions,
        known.map((evaluation) => evaluation ?? found.next().value!),
      )
    })
  }

  /** @param evaluations of the crystals that this step fills to their end, in the order of the environments */
  #advance(actions: ArrayLike<number>, evaluations: readonly (Evaluation | Deferred)[]): StepResult {
    const { size } = this
    const rewards = new Float64Array(size)
    const terminated = new Uint8Array(size)
    const started: number[] = []
    const ended: number[] = []
    const endings: Ending[] = []
    for (let env = 0; env < size; env++) {
      const slot = this.#slots[env]
      if (slot.awaitsReset) {
        this.#begin(env, this.#nextSeed(env))
        started.push(env)
        continue
      }
      const episode = slot.episode!
      episode.fill(actions[env])
      if (!episode.isOver) continue
      const ending = judged(episode, evaluations[endings.length])
      rewards[env] = ending.reward
      terminated[env] = 1
      ended.push(env)
      endings.push(ending)
      if (this.options.autoreset === 'same_step') {
        this.#begin(env, this.#nextSeed(env))
        started.push(env)
      } else {
        slot.awaitsReset = this.options.autoreset === 'next_step'
      }
    }
    const observation = this.#observe(started)
    const info = this.#info(started, endings, ended)
    if (!this.isVector) {
      const reward = Number.isNaN(rewards[0]) ? null : rewards[0]
      return { observation, reward, terminated: terminated[0] === 1, truncated: false, info }
    }
    return {
      observation,
      reward: toNdArray('float64', rewards),
      terminated: toNdArray('bool', terminated),
      truncated: toNdArray('bool', new Uint8Array(size)),
      info,
    }
  }

  /** The whole observation as it stands. @throws ProtocolError `reset_needed` */
  observe(): ResetResult {
    this.#requireEpisodes()
    const everyone = this.#slots.map((_, env) => env)
    return { observation: this.#observe(everyone), info: this.#info(everyone, []) }
  }

  /** The allowed actions: bool [88], or [n, 88]. @throws ProtocolError `reset_needed` */
  mask(): NdArray {
    this.#requireEpisodes()
    return this.#packMask()
  }

  /** The episode of an environment. @throws ProtocolError `reset_needed` */
  episode(env: number): Episode {
    this.#requireEpisodes()
    return this.#slots[env].episode!
  }

  /** Replaces options from now on; a sequence of crystals goes on where it was unless its split changes. */
  #reconfigure(options: EnvironmentOptions, crystals: ReadonlyMap<number, PreparedCrystal>): void {
    const mask = new ActionMask(options.constraints)
    this.#requireFit(crystals, mask)
    if (options.split !== this.options.split) {
      this.#choice = new CrystalChoice(this.library, options.split, options.select, mask.formulaSites)
    }
    this.#mask = mask
    this.options = options
  }

  #requireFit(crystals: ReadonlyMap<number, PreparedCrystal>, { formulaSites }: ActionMask): void {
    for (const { sites } of crystals.values()) {
      if (sites % formulaSites === 0) continue
      const fault = `the formula has ${formulaSites} sites a unit, the crystal ${sites}`
      throw new ProtocolError('invalid_options', fault)
    }
  }

  #begin(env: number, seed: number, crystal?: PreparedCrystal): void {
    const slot = this.#slots[env]
    slot.mask = this.#mask
    slot.seeds ??= stream(seed, 'episodes')
    const { split, sites } = this.options
    const chosen = crystal ?? this.library.crystal(split, this.#choice.index(seed), sites)
    slot.episode = new Episode(chosen, seed, this.options)
    slot.awaitsReset = false
  }

  #nextSeed(env: number): number {
    const { seeds } = this.#slots[env]
    return seeds === null ? randomInt(2 ** 32) : draw(seeds, 2 ** 32)
  }

  #requireEpisodes(): void {
    if (this.#slots.some((slot) => slot.episode === null)) {
      throw new ProtocolError('reset_needed', 'the environment has no episode yet; call reset first')
    }
  }

  #validate(actions: ArrayLike<number>): void {
    const { size } = this
    if (actions.length !== size) {
      throw new ProtocolError('invalid_action', `${actions.length} actions for ${size} environments`)
    }
    for (let env = 0; env < size; env++) {
      const { episode, mask, awaitsReset } = this.#slots[env]
      const action = actions[env]
      if (episode === null) this.#requireEpisodes()
      if (awaitsReset) continue
      if (!(action >= 0 && action < ELEMENT_COUNT)) {
        throw new ProtocolError('invalid_action', `action ${action} of environment ${env} is no element index 0..87`, {
          env,
          action,
        })
      }
      if (episode!.isOver) {
        throw new ProtocolError('episode_over', `the episode of environment ${env} has ended; call reset`, { env })
      }
      if (!mask.isOpen && mask.at(episode!.elements)[action] === 0) {
        throw new ProtocolError(
          'masked_action',
          `action ${action} of environment ${env} is excluded by the constraints`,
          { env, action },
        )
      }
    }
  }

  #observe(started: readonly number[]): Observation {
    const full = this.options.observe === 'full'
    if (!this.isVector) return observeOne(this.#slots[0].episode!, this.options, full || started.length > 0)
    const episodes = this.#slots.map((slot) => slot.episode!)
    return observeAll(episodes, this.options, full ? episodes.map((_, env) => env) : started)
  }

  #info(started: readonly number[], endings: readonly Ending[], ended: readonly number[] = []): Info {
    const info: Info = {}
    const told = this.options.reveal === 'end'
    if (this.options.mask) info.mask = this.#packMask()
    if (started.length > 0) {
      const episodes = started.map((env) => this.#slots[env].episode!)
      if (this.isVector) info.episodes = describeStarts(episodes, Int32Array.from(started))
      else info.episode = describeStart(episodes[0])
    }
    if (endings.length > 0) {
      if (this.isVector) info.outcomes = describeEndings(endings, Int32Array.from(ended), told)
      else info.outcome = describeEnding(endings[0], told)
    }
    return info
  }

  #packMask(): NdArray {
    const masks = new Uint8Array(this.size * ELEMENT_COUNT)
    this.#slots.forEach(({ episode, mask }, env) => masks.set(mask.at(episode!.elements), env * ELEMENT_COUNT))
    return toNdArray('bool', masks, this.isVector ? [this.size, ELEMENT_COUNT] : [ELEMENT_COUNT])
  }
}

/** The end of an episode whose crystal was evaluated. */
function judged(episode: Episode, evaluation: Evaluation | Deferred): Ending {
  if (evaluation.status === 'deferred') return { episode, evaluation, reward: NaN, failure: null }
  if (evaluation.status === 'failed')
    return { episode, evaluation, reward: episode.reward.failure, failure: evaluation.failure }
  const { value, failure } = terminalReward(evaluation.labels, episode.reward)
  return { episode, evaluation, reward: value, failure }
}
