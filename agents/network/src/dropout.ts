import { mix } from './random.js'

/**
 * Dropout without state: whether an entry is dropped depends on the step's seed, the place in the network and the
 * entry's number (row * width + column) alone, so engines agree whatever their order of work.
 *
 * Places: 3k, 3k + 1, 3k + 2 are the outputs of the edge, node and state update of block k, before the skip
 * connection. With K blocks: 3K is the readout's input, [B, 5 width], for `set2set`; for `node` 3K is v, [N, width], and
 * 3K + 1 is u, [B, width].
 *
 * @returns factors, 0 for a dropped entry and 1 / (1 - rate) for a kept one
 */
export function dropoutFactors(seed: number, place: number, entries: number, rate: number): Float32Array {
  const key = mix(mix(seed) ^ Math.imul(place + 1, 0x9e3779b1))
  const threshold = Math.floor(rate * 2 ** 32)
  const kept = 1 / (1 - rate)
  return Float32Array.from({ length: entries }, (_, i) => (mix((i + key) | 0) < threshold ? 0 : kept))
}
