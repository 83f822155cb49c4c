import { uniformInt } from 'pure-rand/distribution/uniformInt'
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus'
import type { RandomGenerator } from 'pure-rand/types/RandomGenerator'

export type { RandomGenerator }

/** What a stream of random numbers is for: each choice of an episode has its own, so that one cannot disturb another. */
const PURPOSES = { crystal: 1, sites: 2, source: 3, episodes: 4 } as const

function mix(hash: number, word: number): number {
  // The finaliser of MurmurHash3 over the running hash.
  let h = (hash ^ word) | 0
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return h ^ (h >>> 16)
}

/** The stream of a seed (an integer below 2^53) for one purpose; the same on every machine. */
export function stream(seed: number, purpose: keyof typeof PURPOSES): RandomGenerator {
  const low = seed >>> 0
  const high = Math.floor(seed / 2 ** 32)
  return xoroshiro128plus(mix(mix(mix(PURPOSES[purpose], low), high), 0x9e3779b9))
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
