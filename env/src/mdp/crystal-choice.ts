import { ProtocolError } from '@unitcell/protocol'
import type { CrystalLibrary } from './crystal-library.js'
import { draw, stream } from './randomness.js'

/** Which crystal of a split an episode gets. */
export class CrystalChoice {
  readonly #eligible: Int32Array
  #next = 0

  /**
   * @param siteMultiple crystals whose number of sites is no multiple of this are passed over
   * @throws ProtocolError `unknown_split`; `invalid_options` when no crystal is left
   */
  constructor(
    library: CrystalLibrary,
    readonly split: string,
    readonly select: 'random' | 'sequential',
    siteMultiple: number,
  ) {
    const indices: number[] = []
    const count = library.count(split)
    if (count === 0) throw new ProtocolError('invalid_options', `split ${split} is empty`)
    for (let index = 0; index < count; index++) {
      if (library.sites(split, index) % siteMultiple === 0) indices.push(index)
    }
    if (indices.length === 0) {
      const need = `a number of sites that is a multiple of ${siteMultiple}`
      throw new ProtocolError('invalid_options', `split ${split} has no crystal with ${need}, as the formula needs`)
    }
    this.#eligible = Int32Array.from(indices)
  }

  /** `select: sequential` goes on from the first crystal at or after this index of the split. */
  startAt(index: number): void {
    const position = this.#eligible.findIndex((candidate) => candidate >= index)
    this.#next = Math.max(position, 0)
  }

  /** Index within the split for an episode of this seed. */
  index(seed: number): number {
    const { length } = this.#eligible
    if (this.select === 'random') return this.#eligible[draw(stream(seed, 'crystal'), length)]
    return this.#eligible[this.#next++ % length]
  }
}
