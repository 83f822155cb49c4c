import type { CrystalDataSet } from '@unitcell/datasets'
import type { DftRunner } from '../dft/index.js'
import { Calculator, type CalculatorOptions } from '../rewards/calculator.js'
import { DftRewards } from '../rewards/dft-rewards.js'
import { commonElements } from '../rewards/recorded-label-set.js'
import { ResultStore } from '../rewards/result-store.js'
import type { CalculationState, RewardSource } from './reward-source.js'

/** Rewards by the chain cache, recorded labels, Quantum Espresso; one queue of calculations for all data sets. */
export class CalculatedRewards implements RewardSource {
  private constructor(
    readonly runner: DftRunner,
    readonly profile: string,
    private readonly store: ResultStore,
    private readonly calculator: Calculator,
    private readonly slots: number,
  ) {}

  /** @throws CacheError `cache_unwritable`, `cache_foreign`, `cache_corrupt` */
  static async open(
    runner: DftRunner,
    { profile, cache, ...options }: CalculatorOptions & { readonly profile: string; readonly cache: string },
  ): Promise<CalculatedRewards> {
    const store = await ResultStore.open(cache)
    return new CalculatedRewards(runner, profile, store, new Calculator(runner, store, options), options.slots)
  }

  evaluatorOf(dataset: CrystalDataSet): DftRewards {
    return new DftRewards(dataset, this.calculator)
  }

  get calculations(): CalculationState {
    const { labelSet, identity } = this.runner
    const { slots, profile } = this
    return { label_set: identity, profile, pw_version: labelSet.codeVersion, slots, ...this.calculator.load }
  }

  /** Elements of whose crystals the recorded labels of a data set count, being of the same label set; see `DftRewards`. */
  countedElements(dataset: CrystalDataSet): number {
    return commonElements(dataset.manifest.label_set, this.runner.labelSet).size
  }

  /** Ends all calculations; settles when no run is left. */
  async stop(): Promise<void> {
    await this.calculator.stop()
    await this.store.close()
  }
}
