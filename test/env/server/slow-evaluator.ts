import { SYMBOLS } from '@unitcell/datasets'
import {
  Scheduler,
  type Compute,
  type DftResult,
  type Evaluation,
  type Evaluator,
  type RewardSource,
} from '@unitcell/env'

type Request = Parameters<Evaluator['request']>

/**
 * Rewards that take as long as a test wants: the scheduler of the server over calculations that end when they are told
 * to. A calculation is named by the elements of its crystal in the order of its sites, such as `O O`.
 */
export class SlowEvaluator implements Evaluator {
  /** The calculations that were started, in that order. */
  readonly started: string[] = []
  /** Those that were withdrawn while they ran. */
  readonly withdrawn: string[] = []
  readonly scheduler: Scheduler
  /** For a server. */
  readonly source: RewardSource = { evaluatorOf: () => this, calculations: null }
  readonly #known = new Map<string, Evaluation>()
  readonly #ends = new Map<string, (end: Evaluation | Error) => void>()
  readonly #reports = new Map<string, (iteration: number, estimatedAccuracyRy: number) => void>()
  #watchers: (() => void)[] = []

  constructor(slots: number) {
    this.scheduler = new Scheduler(this.#compute, slots)
  }

  lookup(_skeleton: Request[0], species: Uint8Array): Evaluation | null {
    return this.#known.get(nameOf(species)) ?? null
  }

  async request({ skeleton }: Request[0], species: Uint8Array, options: Request[2]): Promise<Evaluation> {
    const structure = { ...skeleton, species }
    const key = nameOf(species)
    return (await this.scheduler.request({ key, structure, ...options })) as unknown as Evaluation
  }

  /** Ends a calculation, once it has started. */
  async finish(name: string, end: Evaluation | Error = evaluated(-10, 1)): Promise<void> {
    await this.until(() => this.#ends.has(name))
    if (!(end instanceof Error)) this.#known.set(name, end)
    this.#ends.get(name)!(end)
    this.#ends.delete(name)
  }

  async report(name: string, iteration: number, estimatedAccuracyRy: number): Promise<void> {
    await this.until(() => this.#reports.has(name))
    this.#reports.get(name)!(iteration, estimatedAccuracyRy)
  }

  /** Settles when something that depends on what has started or was withdrawn is true. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise<void>((resolve) => this.#watchers.push(resolve))
  }

  readonly #compute: Compute = ({ species }, { signal, onProgress }) =>
    new Promise<DftResult>((resolve, reject) => {
      const name = nameOf(species)
      this.started.push(name)
      this.#ends.set(name, (end) => (end instanceof Error ? reject(end) : resolve(end as unknown as DftResult)))
      this.#reports.set(name, (iteration, estimatedAccuracyRy) =>
        onProgress?.({ iteration, estimatedAccuracyRy, elapsedSeconds: 1.5 }),
      )
      signal?.addEventListener('abort', () => {
        this.withdrawn.push(name)
        this.#ends.delete(name)
        resolve(evaluated(0, 0) as unknown as DftResult)
        this.#notify()
      })
      this.#notify()
    })

  #notify(): void {
    for (const watcher of this.#watchers.splice(0)) watcher()
  }
}

export function evaluated(totalEnergyRy: number, bandGapEv: number): Evaluation {
  const labels = { totalEnergyRy, bandGapEv, formationEnergyEvPerAtom: null }
  return { status: 'evaluated', source: 'test', labels }
}

export function failed(failureClass: string): Evaluation {
  return { status: 'failed', source: 'test', failure: { class: failureClass, message: `it is ${failureClass}` } }
}

function nameOf(species: Uint8Array): string {
  return Array.from(species, (element) => SYMBOLS[element]).join(' ')
}
