import { ELEMENT_COUNT } from '@unitcell/datasets'
import type { Agent } from '@unitcell/training'
import { uniformFloat64 } from 'pure-rand/distribution/uniformFloat64'
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus'

/** Draws every element with a fixed weight, of those allowed; the first allowed one where all of them weigh nothing. */
export class FrequencyAgent implements Agent {
  readonly #generator

  /** @param weights 88 numbers, not negative */
  constructor(
    readonly name: string,
    readonly weights: ArrayLike<number>,
    seed: number,
  ) {
    this.#generator = xoroshiro128plus(seed)
  }

  act({ focus }: { readonly focus: Int32Array }, mask: Uint8Array | null): Uint8Array {
    return Uint8Array.from(focus, (_, env) =>
      this.#draw(mask?.subarray(env * ELEMENT_COUNT, (env + 1) * ELEMENT_COUNT)),
    )
  }

  #draw(mask: Uint8Array | undefined): number {
    const weights = Array.from(this.weights, (weight, element) => (mask?.[element] === 0 ? 0 : weight))
    const total = weights.reduce((sum, weight) => sum + weight, 0)
    if (total === 0) return Math.max(0, mask?.indexOf(1) ?? 0)
    let rest = uniformFloat64(this.#generator) * total
    const drawn = weights.findIndex((weight) => (rest -= weight) < 0)
    return drawn >= 0 ? drawn : weights.findLastIndex((weight) => weight > 0)
  }
}
