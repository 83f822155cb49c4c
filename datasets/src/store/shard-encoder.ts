import type { PreparedCrystal } from './prepared-crystal.js'
import type { Tensor, TensorData } from './safetensors.js'
import { encodeSafetensors } from './safetensors.js'
import { LABEL_COLUMNS, shardFormat } from './shard-layout.js'

/**
 * The bytes of the shard of one split, rows in the given order (shard-layout.ts lists the tensors). The same rows give
 * the same bytes.
 */
export function encodeShard(rows: readonly PreparedCrystal[]): Uint8Array {
  const encoder = new TextEncoder()
  const ids = rows.map((row) => encoder.encode(row.crystal.id))
  const extras = rows.map((row) => encoder.encode(JSON.stringify(row.crystal.extra)))
  const siteCounts = rows.map((row) => row.crystal.structure.species.length)
  const permutations = rows.flatMap((row) => row.permutations)
  const siteDtype = siteCounts.every((count) => count <= 256) ? 'U8' : 'U16'
  const labels = new Float64Array(rows.length * LABEL_COLUMNS.length)
  rows.forEach(({ crystal }, i) => {
    LABEL_COLUMNS.forEach((column, k) => {
      labels[i * LABEL_COLUMNS.length + k] = crystal.labels[column] ?? Number.NaN
    })
  })
  return encodeSafetensors(
    {
      lattices: concatenate('F64', [3, 3], rows, (row) => row.crystal.structure.lattice),
      site_offsets: offsets(siteCounts),
      frac_coords: concatenate('F64', [3], rows, (row) => row.crystal.structure.fracCoords),
      species: concatenate('U8', [], rows, (row) => row.crystal.structure.species),
      edge_offsets: offsets(rows.map((row) => row.graph.distances.length)),
      edges: concatenate('U16', [2], rows, (row) => row.graph.edges),
      images: concatenate('I8', [3], rows, (row) => row.graph.images),
      distances: concatenate('F64', [], rows, (row) => row.graph.distances),
      connected: column('BOOL', rows, (row) => Number(row.connected)),
      space_group: column('U16', rows, (row) => row.spaceGroup),
      skeleton_space_group: column('U16', rows, (row) => row.skeletonSpaceGroup),
      permutation_offsets: offsets(rows.map((row, i) => row.permutations.length * siteCounts[i])),
      permutations: concatenate(siteDtype, [], permutations, (permutation) => permutation),
      labels: { dtype: 'F64', shape: [rows.length, LABEL_COLUMNS.length], data: labels },
      id_offsets: offsets(ids.map((id) => id.length)),
      ids: concatenate('U8', [], ids, (text) => text),
      extra_offsets: offsets(extras.map((extra) => extra.length)),
      extra: concatenate('U8', [], extras, (text) => text),
    },
    { format: shardFormat },
  )
}

const arrays = { F64: Float64Array, U16: Uint16Array, U8: Uint8Array, I8: Int8Array, BOOL: Uint8Array } as const

/** A number per row. */
function column<T>(dtype: 'U16' | 'BOOL', rows: readonly T[], value: (row: T) => number): Tensor {
  return { dtype, shape: [rows.length], data: arrays[dtype].from(rows.map(value)) }
}

/** [0, c0, c0 + c1, ...]: where each row of a ragged column begins, and the end of the last. */
function offsets(counts: readonly number[]): Tensor {
  const data = new Uint32Array(counts.length + 1)
  counts.forEach((count, i) => (data[i + 1] = data[i] + count))
  return { dtype: 'U32', shape: [data.length], data }
}

/** One tensor [total, ...inner] of the items' arrays, one after the other, whose values fit its type. */
function concatenate<T>(
  dtype: keyof typeof arrays,
  inner: readonly number[],
  items: readonly T[],
  part: (item: T) => TensorData,
): Tensor {
  const parts = items.map(part)
  const data = new arrays[dtype](parts.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const values of parts) {
    data.set(values as never, at)
    at += values.length
  }
  return { dtype, shape: [data.length / inner.reduce((a, b) => a * b, 1), ...inner], data }
}
