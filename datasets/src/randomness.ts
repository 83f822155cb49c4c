import { uniformInt } from 'pure-rand/distribution/uniformInt'
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus'
import type { RandomGenerator } from 'pure-rand/types/RandomGenerator'

export type { RandomGenerator }

/** A 32-bit hash of a running hash and one more word (the finaliser of MurmurHash3). */
export function mix(hash: number, word: number): number {
  let h = (hash ^ word) | 0
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return h ^ (h >>> 16)
}

/** The hash of a seed (an integer below 2^53) and a purpose; different purposes of one seed do not depend on each other. */
export function seedHash(seed: number, purpose: number): number {
  return mix(mix(purpose, seed >>> 0), Math.floor(seed / 2 ** 32))
}

/** The stream of random numbers of a seed (an integer below 2^53) for one purpose; the same on every machine. */
export function randomStream(seed: number, purpose: number): RandomGenerator {
  return xoroshiro128plus(mix(seedHash(seed, purpose), 0x9e3779b9))
}

/** Uniform over 0..count-1. */
export function draw(generator: RandomGenerator, count: number): number {
  return uniformInt(generator, 0, count - 1)
}

/** Fisher-Yates, in place. */
export function shuffle(items: Uint16Array, generator: RandomGenerator): void {
  for (let last = items.length - 1; last > 0; last--) {
    const other = uniformInt(generator, 0, last)
    const item = items[last]
    items[last] = items[other]
    items[other] = item
  }
}
