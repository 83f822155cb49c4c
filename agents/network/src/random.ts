/** Uniform numbers in [0, 1) with 32 random bits each: the generator mulberry32, state by state. */
export function uniformGenerator(seed: number): () => number {
  let state = mix(seed >>> 0)
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

/** A bijection of 32-bit numbers in which every input bit reaches every output bit: the end of MurmurHash3. */
export function mix(value: number): number {
  let h = value | 0
  h ^= h >>> 16
  h = Math.imul(h, 0x85ebca6b)
  h ^= h >>> 13
  h = Math.imul(h, 0xc2b2ae35)
  return (h ^ (h >>> 16)) >>> 0
}
