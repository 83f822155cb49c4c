import type { Structure } from '@unitcell/datasets'
import { LRUCache } from 'lru-cache'
import type { DftResult, DftRunner, DftRunOptions } from '../dft/index.js'
import type { Evaluation, EvaluationOptions } from '../mdp/evaluation.js'
import { cacheRecord, evaluationOf } from './cache-record.js'
import { CrystalIndex, filledCrystal, type FilledCrystal } from './crystal-identity.js'
import type { ResultStore } from './result-store.js'
import { Scheduler } from './scheduler.js'

export interface CalculatorOptions {
  /** Runs at a time. */
  readonly slots: number
  /** Of one run, wall time; the runner's default otherwise. */
  readonly timeLimitSeconds?: number
  /** Evaluations kept in memory. Default 50,000, about 50 MB. */
  readonly memory?: number
}

/** Somebody waits for a crystal that is not known yet. */
interface Underway {
  readonly crystal: FilledCrystal
  /** Of the calculation that all its descriptions share. */
  readonly key: string
  waiting: number
}

/**
 * Evaluations under one label set: cached in memory over disk, calculated otherwise. However many ask, in however many
 * descriptions, a crystal is calculated once; a result is on the disk before anybody hears of it. Failures that would come
 * again are results too; time limits, signals and the like are told and forgotten.
 */
export class Calculator {
  readonly #scheduler: Scheduler
  readonly #memory: LRUCache<string, Evaluation>
  readonly #underway = new CrystalIndex<Underway>()
  /** Results that the disk refused: not told to anybody, and not calculated again. */
  readonly #unsaved = new CrystalIndex<{ readonly crystal: FilledCrystal; readonly result: DftResult }>()
  #calculations = 0

  constructor(
    readonly runner: Pick<DftRunner, 'labelSet' | 'identityFor' | 'precheck' | 'run'>,
    readonly store: ResultStore,
    private readonly options: CalculatorOptions,
  ) {
    this.#scheduler = new Scheduler((structure, run) => this.#calculate(structure, run), options.slots)
    this.#memory = new LRUCache({ max: options.memory ?? 50_000 })
  }

  /** Calculations that run, and those that wait. */
  get load(): Scheduler['load'] {
    return this.#scheduler.load
  }

  /**
   * What is known of a crystal: why no calculation takes it, or the cached evaluation; null where there is none.
   *
   * @throws CacheError `cache_corrupt`
   */
  lookup(crystal: FilledCrystal): Evaluation | null {
    const { description, structure } = crystal
    const remembered = this.#memory.get(description)
    if (remembered) return remembered
    const failure = this.runner.precheck(structure)
    if (failure) return { status: 'failed', source: null, failure: { class: failure.code, message: failure.message } }
    const record = this.store.find(this.runner.identityFor(structure), crystal)
    if (record === null) return null
    const evaluation = evaluationOf(record)
    this.#memory.set(description, evaluation)
    return evaluation
  }

  /**
   * Calculates a crystal, unless it is known, or joins a calculation of it.
   *
   * @throws EvaluationCancelled; DftError where the machine or the set-up is at fault; CacheError `cache_corrupt`, or
   * `cache_unwritable`: the result is then kept in memory, and the next request of the crystal writes it again
   */
  async request(crystal: FilledCrystal, options: EvaluationOptions): Promise<Evaluation> {
    const known = this.lookup(crystal)
    if (known) return known
    let underway = this.#underway.get(crystal)
    if (!underway) {
      underway = { crystal, key: `${crystal.composition} ${++this.#calculations}`, waiting: 0 }
      this.#underway.add(crystal, underway)
    }
    underway.waiting++
    try {
      const { structure } = underway.crystal
      const result = await this.#scheduler.request({ key: underway.key, structure, ...options })
      return evaluationOfResult(result)
    } finally {
      if (--underway.waiting === 0) this.#underway.delete(underway.crystal)
    }
  }

  /** Ends all calculations and fails all requests; settles when no run is left. The store stays open. */
  stop(): Promise<void> {
    return this.#scheduler.stop()
  }

  async #calculate(structure: Structure, run: DftRunOptions): Promise<DftResult> {
    const crystal = filledCrystal(structure, structure.species)
    const unsaved = this.#unsaved.get(crystal)
    const { timeLimitSeconds } = this.options
    const result = unsaved?.result ?? (await this.runner.run(structure, { ...run, timeLimitSeconds }))
    if (result.status === 'failed' && !result.failure.deterministic) return result
    try {
      await this.store.put(cacheRecord(structure, result), this.runner.labelSet)
    } catch (error) {
      if (!unsaved) this.#unsaved.add(crystal, { crystal, result })
      throw error
    }
    if (unsaved) this.#unsaved.delete(unsaved.crystal)
    return result
  }
}

function evaluationOfResult(result: DftResult): Evaluation {
  const source = 'quantum-espresso'
  if (result.status === 'failed') {
    const { code, message } = result.failure
    return { status: 'failed', source, failure: { class: code, message } }
  }
  const { totalEnergyRy, bandGapEv, signedGapEv } = result
  const labels = { totalEnergyRy, bandGapEv, formationEnergyEvPerAtom: null }
  return { status: 'evaluated', source, labels, signedGapEv }
}
