import { setMaxListeners } from 'node:events'
import { fromNdArray, isNdArray, ProtocolError, type EnvironmentOptions, type Request } from '@unitcell/protocol'
import { CrystalFill, OpenStep, type ResetResult, type StepResult } from '../mdp/crystal-fill.js'
import { prepare, type CrystalReference } from '../mdp/crystal-library.js'
import type { PreparedCrystal } from '../mdp/prepared-crystal.js'
import type { Call } from './call.js'
import type { Shelf } from './data-library.js'
import { describeProgress } from './evaluation-messages.js'
import { readInlineStructure } from './inline-structure.js'
import type { SessionEvaluations } from './session-evaluations.js'
import { Turns } from './turns.js'

type ResetOptions = NonNullable<Request<'reset'>['options']>

/** Fills in what depends on the server: data set, split, and the autoreset mode of the kind of environment. */
function complete(options: Request<'make'>['options'], shelf: Shelf, isVector: boolean): EnvironmentOptions {
  const { dataset } = shelf.library
  return {
    ...options,
    dataset: dataset.name,
    split: options.split ?? dataset.splits[0],
    autoreset: options.autoreset ?? (isVector ? 'next_step' : 'disabled'),
  }
}

/** What a handle of the wire stands for: an environment, and the reading of requests to it. */
export class EnvironmentHandle {
  readonly environment: CrystalFill
  /** Its requests, one after the other. */
  readonly turns = new Turns()

  /** @throws ProtocolError `invalid_options`, `unknown_split` */
  constructor(
    readonly shelf: Shelf,
    { options, count }: Pick<Request<'make'>, 'options' | 'count'>,
    readonly structureSites: number,
  ) {
    const completed = complete(options, shelf, count !== undefined)
    this.environment = new CrystalFill(shelf.library, shelf.evaluator, completed, count ?? null)
  }

  /** @throws ProtocolError */
  reset({ seed, which, options = {} }: Request<'reset'>): ResetResult {
    const { environment } = this
    if (which !== undefined && !environment.isVector) {
      throw new ProtocolError('invalid_message', 'which: only a vector has several environments')
    }
    const chosen = this.#which(which)
    const seeds = this.#seeds(seed, chosen)
    const next = this.#reconfigured(options)
    const crystals = this.#crystals(options, chosen, next)
    this.#checkStart(options.start, next)
    return environment.reset({ seeds, which: chosen, crystals, start: options.start }, next)
  }

  /**
   * A step; a promise where its rewards must be calculated, and the environment is to wait for them.
   *
   * @throws ProtocolError
   */
  step(
    { handle, actions }: Request<'step'>,
    call: Call,
    evaluations: SessionEvaluations,
  ): StepResult | Promise<StepResult> {
    const step = this.environment.step(this.#actions(actions))
    if (!(step instanceof OpenStep)) return step
    evaluations.require(step.missing.length)
    if (this.environment.options.rewards === 'wait') return this.#wait(step, call, evaluations)
    const { isVector } = this.environment
    const deferred = step.missing.map((missing) => {
      const number = evaluations.defer(this.shelf.evaluator, missing, { handle, env: isVector ? missing.env : null })
      return { status: 'deferred', number } as const
    })
    return step.complete(deferred)
  }

  /** Completes a step when all its evaluations are known. */
  async #wait(step: OpenStep, call: Call, evaluations: SessionEvaluations): Promise<StepResult> {
    const { isVector } = this.environment
    // What is wrong with one evaluation ends the others.
    const failed = new AbortController()
    const signal = AbortSignal.any([call.signal, failed.signal])
    setMaxListeners(step.missing.length + 1, signal)
    const request = async (missing: OpenStep['missing'][number]) => {
      const env = isVector ? missing.env : undefined
      const evaluation = await evaluations.request(this.shelf.evaluator, missing, {
        priority: 'interactive',
        signal,
        onProgress: (progress) => call.tell(describeProgress(progress, env)),
      })
      if (env !== undefined) call.tell({ env, state: 'done' })
      return evaluation
    }
    try {
      const known = await Promise.all(step.missing.map(request))
      call.signal.throwIfAborted()
      return step.complete(known)
    } catch (error) {
      failed.abort()
      throw error
    }
  }

  /** Index of an environment of the handle; 0 for a single one. @throws ProtocolError `invalid_message` */
  place(env: number | undefined): number {
    const { isVector, size } = this.environment
    if (isVector && env === undefined)
      throw new ProtocolError('invalid_message', 'env: say which environment of the vector')
    if (!isVector && env !== undefined)
      throw new ProtocolError('invalid_message', 'env: only a vector has several environments')
    if (env !== undefined && env >= size) throw new ProtocolError('invalid_message', `env: ${env} is not below ${size}`)
    return env ?? 0
  }

  #actions(actions: Request<'step'>['actions']): ArrayLike<number> {
    const { isVector } = this.environment
    if (typeof actions === 'number') {
      if (isVector) throw new ProtocolError('invalid_action', 'a vector takes a list or an array of actions')
      return [actions]
    }
    if (!isVector) throw new ProtocolError('invalid_action', 'a single environment takes one integer')
    if (!isNdArray(actions)) return actions
    if (actions.dtype.startsWith('float') || actions.dtype === 'bool' || actions.shape.length !== 1) {
      throw new ProtocolError('invalid_action', 'actions in an array are integers, of shape [n]')
    }
    return fromNdArray(actions)
  }

  #which(which: readonly number[] | undefined): number[] {
    const { size } = this.environment
    if (which === undefined) return Array.from({ length: size }, (_, env) => env)
    const sorted = [...new Set(which)].sort((a, b) => a - b)
    if (
      sorted.length !== which.length ||
      sorted.some((env, i) => env !== which[i]) ||
      sorted[sorted.length - 1] >= size
    ) {
      throw new ProtocolError('invalid_message', `which: ascending environments below ${size}, each once`)
    }
    return sorted
  }

  #seeds(seed: Request<'reset'>['seed'], which: readonly number[]): Map<number, number> {
    if (seed === undefined) return new Map()
    if (!Array.isArray(seed)) {
      if (seed + which[which.length - 1] > Number.MAX_SAFE_INTEGER) {
        throw new ProtocolError('invalid_message', 'seed: seed + environment must stay below 2^53')
      }
      return new Map(which.map((env) => [env, seed + env]))
    }
    if (!this.environment.isVector)
      throw new ProtocolError('invalid_message', 'seed: a single environment takes one integer')
    if (seed.length !== which.length) {
      throw new ProtocolError('invalid_message', `seed: ${seed.length} seeds for ${which.length} environments`)
    }
    return new Map(which.map((env, i) => [env, seed[i]]))
  }

  #reconfigured({ split, source, target, elements }: ResetOptions): EnvironmentOptions {
    const { options } = this.environment
    if (split === undefined && source === undefined && target === undefined && elements === undefined) return options
    if (split !== undefined) this.shelf.library.count(split)
    return {
      ...options,
      split: split ?? options.split,
      source: source ?? options.source,
      reward: target === undefined ? options.reward : { ...options.reward, target },
      constraints: elements === undefined ? options.constraints : { ...options.constraints, elements },
    }
  }

  #checkStart(start: number | undefined, { select, split }: EnvironmentOptions): void {
    if (start === undefined) return
    if (select !== 'sequential') {
      throw new ProtocolError('invalid_options', `options.start goes with select: sequential, not ${select}`)
    }
    this.shelf.library.locate({ index: start }, split)
  }

  #crystals(
    { crystal, structure }: ResetOptions,
    which: readonly number[],
    { split, sites }: EnvironmentOptions,
  ): Map<number, PreparedCrystal> {
    if (structure !== undefined) {
      if (crystal !== undefined)
        throw new ProtocolError('invalid_message', 'options: either crystal or structure, not both')
      const prepared = prepare(readInlineStructure(structure, this.structureSites), sites)
      return new Map(which.map((env) => [env, prepared]))
    }
    if (crystal === undefined) return new Map()
    const references: CrystalReference[] = Array.isArray(crystal) ? crystal : which.map(() => crystal)
    if (references.length !== which.length) {
      throw new ProtocolError(
        'invalid_message',
        `options.crystal: ${references.length} crystals for ${which.length} environments`,
      )
    }
    return new Map(
      which.map((env, i) => {
        const place = this.shelf.library.locate(references[i], split)
        return [env, this.shelf.library.crystal(place.split, place.index, sites)]
      }),
    )
  }
}
