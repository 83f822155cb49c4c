import type { Crystal } from '../crystal/structure.js'
import type { CrystalGraph } from '../graph/crystal-graph.js'

/** A crystal with everything a data set keeps of it: a row of a shard, before it is written. */
export interface PreparedCrystal {
  /** In the cell of the data set (Niggli-reduced unless imported as given), sites in the order of the file. */
  readonly crystal: Crystal
  readonly graph: CrystalGraph
  /** Whether every site can be reached from site 0. */
  readonly connected: boolean
  /** The source's number where it states one, else that of the filled crystal. */
  readonly spaceGroup: number
  /** That of the bare skeleton, one and the same element on every site. */
  readonly skeletonSpaceGroup: number
  /** The distinct permutations of sites that the symmetry of the bare skeleton allows. */
  readonly permutations: readonly Uint16Array[]
}
