import type { Agent } from '@unitcell/training'
import { uniformInt } from 'pure-rand/distribution/uniformInt'
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus'

const ELEMENTS = 88

/** The paper's random baseline: every allowed element with the same probability, at every site. */
export class RandomAgent implements Agent {
  readonly name = 'random'
  readonly #generator

  constructor(seed: number) {
    this.#generator = xoroshiro128plus(seed)
  }

  act({ focus }: { readonly focus: Int32Array }, mask: Uint8Array | null): Uint8Array {
    return Uint8Array.from(focus, (_, env) => this.#draw(mask?.subarray(env * ELEMENTS, (env + 1) * ELEMENTS)))
  }

  #draw(mask: Uint8Array | undefined): number {
    if (mask === undefined) return uniformInt(this.#generator, 0, ELEMENTS - 1)
    const allowed = [...mask.keys()].filter((element) => mask[element] === 1)
    return allowed.length === 0 ? 0 : allowed[uniformInt(this.#generator, 0, allowed.length - 1)]
  }
}
