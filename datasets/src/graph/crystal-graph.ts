/**
 * The neighbour graph of a skeleton: E undirected edges, each to be used in both directions.
 * An edge (i, j, n) joins site i of the home cell to site j of the cell n, i <= j; for i = j the first non-zero
 * component of n is positive. Edges are sorted by (i, j, n) and unique.
 */
export interface CrystalGraph {
  /** E x 2 site indices. */
  readonly edges: Uint16Array
  /** E x 3 cell images. */
  readonly images: Int8Array
  /** E lengths, angstrom. */
  readonly distances: Float64Array
}
