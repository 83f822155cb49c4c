/**
 * A batch of transitions as columns, filled in place by `TransitionSet.gather`, which allocates nothing. s and s' differ by one site, so the
 * batch holds s, and s' is s with `actions[i]` on site `focus[i]`. Static parts (graph, lattice) are those of
 * `shard.graph(crystals[i])`; the sites of one batch follow each other in `elements`.
 */
export class TransitionBatch {
  /** B rows of the shard. */
  readonly crystals: Uint32Array
  /** B + 1 offsets into `elements`. */
  readonly siteOffsets: Uint32Array
  /** Sites filled before, B. */
  readonly steps: Uint16Array
  /** Site to fill, counted within its crystal, B. */
  readonly focus: Uint16Array
  /** Site to fill in s', B; that of s where s' is terminal. */
  readonly nextFocus: Uint16Array
  /** Element indices, B. */
  readonly actions: Uint8Array
  /** 1 where s' is terminal, B. */
  readonly dones: Uint8Array
  /** B; 0 before the last step. */
  readonly rewards: Float64Array
  /** s: element index per site, `UNFILLED` where none. Longer than needed; it ends at siteOffsets[B]. */
  elements: Uint8Array

  /** @param size B */
  constructor(readonly size: number) {
    this.crystals = new Uint32Array(size)
    this.siteOffsets = new Uint32Array(size + 1)
    this.steps = new Uint16Array(size)
    this.focus = new Uint16Array(size)
    this.nextFocus = new Uint16Array(size)
    this.actions = new Uint8Array(size)
    this.dones = new Uint8Array(size)
    this.rewards = new Float64Array(size)
    this.elements = new Uint8Array(size * 20)
  }

  /** Makes room for `length` elements; those before stay. */
  reserve(length: number): void {
    if (length <= this.elements.length) return
    const larger = new Uint8Array(Math.max(length, 2 * this.elements.length))
    larger.set(this.elements)
    this.elements = larger
  }
}
