import { toNiggliCell } from '../crystal/niggli.js'
import type { Structure } from '../crystal/structure.js'
import { sitePermutations, skeletonSpaceGroup, spaceGroupNumber } from '../crystal/symmetry.js'
import { crystalNN } from '../graph/crystal-nn.js'
import type { CrystalGraph } from '../graph/crystal-graph.js'
import { adjacency, isConnected } from '../graph/traversal.js'
import { DataSetError } from './data-set-error.js'
import type { CellChoice } from './manifest.js'

export interface PrepareOptions {
  readonly cell: CellChoice
  /** Whether the symmetry of the bare skeleton is wanted. */
  readonly skeletonSymmetry: boolean
}

/** What is computed of a structure. */
export interface PreparedStructure {
  /** In the chosen cell, sites in the given order. */
  readonly structure: Structure
  readonly graph: CrystalGraph
  readonly connected: boolean
  /** As stated by the source, else of the filled crystal at symprec 0.01. */
  readonly spaceGroup: number
  /** 0 unless wanted. */
  readonly skeletonSpaceGroup: number
  /** Empty unless wanted. */
  readonly permutations: readonly Uint16Array[]
}

/**
 * Cell, graph and symmetry of one structure.
 *
 * @param statedSpaceGroup the source's number; null to compute it
 * @throws {DataSetError} `niggli_failed`, `graph_failed` or `symmetry_failed`
 */
export function prepareStructure(
  given: Structure,
  statedSpaceGroup: number | null,
  { cell, skeletonSymmetry }: PrepareOptions,
): PreparedStructure {
  const structure = attempt('niggli_failed', 'import the cell as given', () =>
    cell === 'niggli' ? toNiggliCell(given) : given,
  )
  const graph = attempt('graph_failed', 'check its cell and coordinates', () => crystalNN(structure))
  return {
    structure,
    graph,
    connected: isConnected(adjacency(graph, structure.species.length)),
    ...attempt('symmetry_failed', 'check its cell and coordinates', () => ({
      spaceGroup: statedSpaceGroup ?? spaceGroupNumber(structure),
      skeletonSpaceGroup: skeletonSymmetry ? skeletonSpaceGroup(structure) : 0,
      permutations: skeletonSymmetry ? sitePermutations(structure) : [],
    })),
  }
}

function attempt<T>(code: 'niggli_failed' | 'graph_failed' | 'symmetry_failed', fix: string, compute: () => T): T {
  try {
    return compute()
  } catch (error) {
    throw new DataSetError(code, error instanceof Error ? error.message : String(error), fix)
  }
}
