import type { Labels } from '../crystal/structure.js'
import type { Dtype } from './safetensors.js'

/** The mark in a shard's metadata; changes when the tensors below change their meaning. */
export const shardFormat = 'unitcell-shard-1'

/** Columns of `labels`, NaN where unknown. */
export const LABEL_COLUMNS = [
  'totalEnergyRy',
  'bandGapEv',
  'formationEnergyEvPerAtom',
] as const satisfies readonly (keyof Labels)[]

export interface ColumnLayout {
  /** The first one is written by default, the others where the values need it. */
  readonly dtypes: readonly Dtype[]
  /**
   * What one entry of the first axis is: a crystal, or an item of the ragged column whose first items are in the named
   * offsets (C + 1 of them).
   */
  readonly per: 'crystal' | 'offset' | OffsetsName
  /** The other axes. */
  readonly inner: readonly number[]
}

export type OffsetsName = 'site_offsets' | 'edge_offsets' | 'permutation_offsets' | 'id_offsets' | 'extra_offsets'

const offsetColumn = { dtypes: ['U32'], per: 'offset', inner: [] } as const satisfies ColumnLayout

/** The tensors of a shard of C crystals. */
export const SHARD_LAYOUT = {
  /** Cell vectors as rows, angstrom. */
  lattices: { dtypes: ['F64'], per: 'crystal', inner: [3, 3] },
  site_offsets: offsetColumn,
  frac_coords: { dtypes: ['F64'], per: 'site_offsets', inner: [3] },
  /** Element indices 0..87. */
  species: { dtypes: ['U8'], per: 'site_offsets', inner: [] },
  edge_offsets: offsetColumn,
  edges: { dtypes: ['U16'], per: 'edge_offsets', inner: [2] },
  images: { dtypes: ['I8'], per: 'edge_offsets', inner: [3] },
  /** Angstrom. */
  distances: { dtypes: ['F64'], per: 'edge_offsets', inner: [] },
  connected: { dtypes: ['BOOL'], per: 'crystal', inner: [] },
  space_group: { dtypes: ['U16'], per: 'crystal', inner: [] },
  skeleton_space_group: { dtypes: ['U16'], per: 'crystal', inner: [] },
  /** Offsets count site indices, so the number of permutations of a crystal is their difference over its sites. */
  permutation_offsets: offsetColumn,
  permutations: { dtypes: ['U8', 'U16'], per: 'permutation_offsets', inner: [] },
  labels: { dtypes: ['F64'], per: 'crystal', inner: [LABEL_COLUMNS.length] },
  id_offsets: offsetColumn,
  /** UTF-8. */
  ids: { dtypes: ['U8'], per: 'id_offsets', inner: [] },
  extra_offsets: offsetColumn,
  /** A JSON object per crystal, UTF-8. */
  extra: { dtypes: ['U8'], per: 'extra_offsets', inner: [] },
} as const satisfies Record<string, ColumnLayout>
