import { randomStream, type RandomGenerator } from '@unitcell/datasets'

export { draw, shuffle, type RandomGenerator } from '@unitcell/datasets'

/** What a stream of random numbers is for: each choice of an episode has its own, so that one cannot disturb another. */
const PURPOSES = { crystal: 1, sites: 2, source: 3, episodes: 4 } as const

/** The stream of a seed (an integer below 2^53) for one purpose; the same on every machine. */
export function stream(seed: number, purpose: keyof typeof PURPOSES): RandomGenerator {
  return randomStream(seed, PURPOSES[purpose])
}
