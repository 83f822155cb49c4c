/** Spaces in Gymnasium's vocabulary, as `make` describes them. `null` in a shape: a length that varies by crystal. */
export type Space =
  | { readonly type: 'Discrete'; readonly n: number }
  | { readonly type: 'MultiDiscrete'; readonly nvec: readonly number[] }
  | {
      readonly type: 'Box'
      readonly dtype: string
      readonly shape: readonly (number | null)[]
      readonly low: number | null
      readonly high: number | null
    }
  | { readonly type: 'Graph'; readonly node_space: Space; readonly edge_space: Space }
  | { readonly type: 'Dict'; readonly spaces: Readonly<Record<string, Space>> }

/** Shorthand for a Box; `null` bounds mean unbounded. */
export function box(
  dtype: string,
  shape: readonly (number | null)[],
  low: number | null = null,
  high: number | null = null,
): Space {
  return { type: 'Box', dtype, shape, low, high }
}
