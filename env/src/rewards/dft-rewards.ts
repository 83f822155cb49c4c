import type { CrystalDataSet, Structure } from '@unitcell/datasets'
import type { Evaluation, EvaluationOptions, Evaluator, SkeletonSource } from '../mdp/evaluation.js'
import type { Calculator } from './calculator.js'
import { filledCrystal, type FilledCrystal } from './crystal-identity.js'
import { commonElements } from './recorded-label-set.js'
import { RecordedLabels } from './recorded-labels.js'

/**
 * Evaluates crystals of a data set by the chain cache, recorded labels, calculation, all of one label set: recorded labels
 * count only for crystals whose label would come out the same today, with the same settings and pseudopotentials.
 */
export class DftRewards implements Evaluator {
  readonly #recorded: RecordedLabels
  /** Of crystals whose recorded labels count. */
  readonly #elements: ReadonlySet<number>

  constructor(
    readonly dataset: CrystalDataSet,
    readonly calculator: Calculator,
  ) {
    this.#recorded = new RecordedLabels(dataset)
    this.#elements = commonElements(dataset.manifest.label_set, calculator.runner.labelSet)
  }

  lookup(source: SkeletonSource, species: Structure['species']): Evaluation | null {
    return this.calculator.lookup(this.#crystal(source, species)) ?? this.#lookupRecorded(source, species)
  }

  async request(
    source: SkeletonSource,
    species: Structure['species'],
    options: EvaluationOptions,
  ): Promise<Evaluation> {
    const crystal = this.#crystal(source, species.slice())
    return this.#lookupRecorded(source, species) ?? this.calculator.request(crystal, options)
  }

  #crystal({ origin, skeleton }: SkeletonSource, species: Structure['species']): FilledCrystal {
    const permutations = origin ? () => this.dataset.split(origin.split).permutations(origin.index) : undefined
    return filledCrystal(skeleton, species, permutations)
  }

  #lookupRecorded(source: SkeletonSource, species: Structure['species']): Evaluation | null {
    if (!species.every((element) => this.#elements.has(element))) return null
    const labels = this.#recorded.find(source, species)
    return labels && { status: 'evaluated', source: 'recorded', labels }
  }
}
