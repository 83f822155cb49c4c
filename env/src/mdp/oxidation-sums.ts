import { ELEMENT_COUNT, ELEMENTS } from '@unitcell/datasets'

/** The total charges a partial filling can have, one oxidation state for each element present. */
export class OxidationSums {
  readonly #sums: ReadonlySet<number>

  /** @param counts sites per element index, 88 numbers */
  constructor(counts: Uint16Array) {
    let sums = new Set([0])
    for (let element = 0; element < ELEMENT_COUNT; element++) {
      if (counts[element] === 0) continue
      const next = new Set<number>()
      for (const sum of sums)
        for (const state of ELEMENTS[element].oxidationStates) next.add(sum + state * counts[element])
      sums = next
    }
    this.#sums = sums
  }

  /** Whether some total charge lies in lowest..highest. Empty where an element present has no oxidation state. */
  reaches(lowest: number, highest: number): boolean {
    for (const sum of this.#sums) if (sum >= lowest && sum <= highest) return true
    return false
  }
}
