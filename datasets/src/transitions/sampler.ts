import { mix, seedHash } from '../randomness.js'
import { IndexPermutation } from './index-permutation.js'

/** `seedHash` purpose of draws with replacement. */
const PURPOSE = 102

export interface SamplerOptions {
  /** An integer below 2^53. */
  readonly seed: number
  /** `epochs` (default): every index once before one comes again. `replacement`: each draw independent of the others. */
  readonly mode?: 'epochs' | 'replacement'
}

/**
 * A seeded stream of indices 0..count-1. The k-th draw depends on the seed and on k alone, so that a sampler is resumed
 * by setting `position`.
 */
export class IndexSampler {
  /** Indices drawn so far. */
  position = 0
  private readonly hash: number
  private permutation: IndexPermutation
  private epoch = 0

  /** @throws RangeError for a count of 0 */
  constructor(
    readonly count: number,
    private readonly options: SamplerOptions,
  ) {
    if (count < 1) throw new RangeError('there is nothing to draw from')
    this.hash = seedHash(options.seed, PURPOSE)
    this.permutation = new IndexPermutation(count, options.seed)
  }

  /** The next indices, as many as `into` holds. */
  fill<T extends Uint32Array | Int32Array>(into: T): T {
    const draw = this.options.mode === 'replacement' ? this.drawAny : this.drawOfEpoch
    for (let k = 0; k < into.length; k++) into[k] = draw.call(this, this.position++)
    return into
  }

  private drawAny(position: number): number {
    const word = mix(mix(this.hash, position | 0), Math.floor(position / 2 ** 32)) >>> 0
    return Math.floor((word / 2 ** 32) * this.count)
  }

  private drawOfEpoch(position: number): number {
    const epoch = Math.floor(position / this.count)
    if (epoch !== this.epoch) {
      this.epoch = epoch
      this.permutation = new IndexPermutation(this.count, this.options.seed, epoch)
    }
    return this.permutation.at(position - epoch * this.count)
  }
}
