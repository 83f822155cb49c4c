import { mix, seedHash } from '../randomness.js'

const ROUNDS = 6
/** `seedHash` purpose of the round keys. */
const PURPOSE = 101

/**
 * A pseudo-random permutation of 0..count-1 that is computed, not stored: position k holds index `at(k)`. It costs no
 * memory and can be entered anywhere, so a shuffled walk is resumed from the number of items it has passed.
 *
 * A balanced Feistel network over the smallest even number of bits that holds `count`, walked along its cycle until the
 * value falls below `count` (Black and Rogaway, "Ciphers with Arbitrary Finite Domains", 2002).
 */
export class IndexPermutation {
  private readonly halfBits: number
  private readonly mask: number
  private readonly keys: Int32Array

  /**
   * @param count 0 to 2^30
   * @param seed an integer below 2^53
   * @param epoch another permutation of the same seed
   */
  constructor(
    readonly count: number,
    seed: number,
    epoch = 0,
  ) {
    if (!Number.isSafeInteger(count) || count < 0 || count > 2 ** 30) {
      throw new RangeError(`a permutation of ${count} items: give 0 to 2^30`)
    }
    let bits = 2
    while (2 ** bits < count) bits += 2
    this.halfBits = bits / 2
    this.mask = 2 ** this.halfBits - 1
    const key = mix(seedHash(seed, PURPOSE), epoch)
    this.keys = Int32Array.from({ length: ROUNDS }, (_, round) => mix(key, round + 1))
  }

  /** The index at position k, 0 <= k < count. */
  at(k: number): number {
    const { halfBits, mask, keys, count } = this
    let value = k
    do {
      let left = value >>> halfBits
      let right = value & mask
      for (let round = 0; round < ROUNDS; round++) {
        const next = left ^ (mix(keys[round], right) & mask)
        left = right
        right = next
      }
      value = (left << halfBits) | right
    } while (value >= count)
    return value
  }
}
