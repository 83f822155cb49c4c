import { ELEMENT_COUNT } from '../crystal/elements.js'
import type { Crystal, Labels, Structure } from '../crystal/structure.js'
import type { CrystalGraph } from '../graph/crystal-graph.js'
import { DataSetError } from './data-set-error.js'
import type { Tensor } from './safetensors.js'
import { decodeSafetensors, SafetensorsError } from './safetensors.js'
import type { ColumnLayout } from './shard-layout.js'
import { LABEL_COLUMNS, SHARD_LAYOUT, shardFormat } from './shard-layout.js'

type ColumnName = keyof typeof SHARD_LAYOUT
type Columns = { readonly [K in ColumnName]: Tensor<(typeof SHARD_LAYOUT)[K]['dtypes'][number]>['data'] }

const remake = 'import the data set again with `unitcell-data import`'

/**
 * The crystals of one split, in the order of their files. What the methods return are views of the shard's memory, to
 * be read and never written to. An index outside 0..count-1 is a RangeError.
 */
export class CrystalShard {
  /** Number of crystals. */
  readonly count: number
  private readonly columns: Columns
  private readonly text = new TextDecoder()
  private indexById: Map<string, number> | undefined

  /**
   * @param bytes a shard as `encodeShard` writes it
   * @param source what to call it in an error
   * @throws {DataSetError} `truncated_shard` or `bad_shard`
   */
  constructor(bytes: Uint8Array, source: string) {
    this.columns = readColumns(bytes, source)
    this.count = this.columns.connected.length
  }

  id(i: number): string {
    return this.string('id_offsets', 'ids', i)
  }

  /** The row of a crystal by its id, or undefined. */
  indexOf(id: string): number | undefined {
    if (!this.indexById) {
      this.indexById = new Map()
      for (let i = 0; i < this.count; i++) this.indexById.set(this.id(i), i)
    }
    return this.indexById.get(id)
  }

  /** Number of sites of crystal i, N. */
  siteCount(i: number): number {
    const { site_offsets: offsets } = this.columns
    return offsets[this.row(i) + 1] - offsets[i]
  }

  structure(i: number): Structure {
    const { site_offsets: offsets, lattices, frac_coords: fracCoords, species } = this.columns
    const begin = offsets[this.row(i)]
    const end = offsets[i + 1]
    return {
      lattice: lattices.subarray(9 * i, 9 * i + 9),
      fracCoords: fracCoords.subarray(3 * begin, 3 * end),
      species: species.subarray(begin, end),
    }
  }

  graph(i: number): CrystalGraph {
    const { edge_offsets: offsets, edges, images, distances } = this.columns
    const begin = offsets[this.row(i)]
    const end = offsets[i + 1]
    return {
      edges: edges.subarray(2 * begin, 2 * end),
      images: images.subarray(3 * begin, 3 * end),
      distances: distances.subarray(begin, end),
    }
  }

  /** Whether every site can be reached from site 0 along the graph. */
  connected(i: number): boolean {
    return this.columns.connected[this.row(i)] === 1
  }

  /** International number of the filled crystal: the source's where it states one, else computed at symprec 0.01. */
  spaceGroup(i: number): number {
    return this.columns.space_group[this.row(i)]
  }

  /** International number of the bare skeleton, symprec 0.01. */
  skeletonSpaceGroup(i: number): number {
    return this.columns.skeleton_space_group[this.row(i)]
  }

  /** The distinct site permutations of the bare skeleton's symmetry, N site indices each. */
  permutations(i: number): (Uint8Array | Uint16Array)[] {
    const { permutation_offsets: offsets, permutations } = this.columns
    const sites = this.siteCount(i)
    const views = []
    for (let begin = offsets[i]; begin < offsets[i + 1]; begin += sites) {
      views.push(permutations.subarray(begin, begin + sites))
    }
    return views
  }

  labels(i: number): Labels {
    const at = this.row(i) * LABEL_COLUMNS.length
    const [totalEnergyRy, bandGapEv, formationEnergyEvPerAtom] = LABEL_COLUMNS.map((_, k) => {
      const value = this.columns.labels[at + k]
      return Number.isNaN(value) ? null : value
    })
    return { totalEnergyRy, bandGapEv, formationEnergyEvPerAtom }
  }

  /** The source's other fields, as they were. */
  extra(i: number): Record<string, unknown> {
    return JSON.parse(this.string('extra_offsets', 'extra', i)) as Record<string, unknown>
  }

  /** Crystal i as a whole, as a line of Crystals JSONL holds it. */
  crystal(i: number): Crystal {
    return {
      id: this.id(i),
      structure: this.structure(i),
      spaceGroup: this.spaceGroup(i),
      labels: this.labels(i),
      extra: this.extra(i),
    }
  }

  private string(offsets: 'id_offsets' | 'extra_offsets', bytes: 'ids' | 'extra', i: number): string {
    const at = this.columns[offsets]
    return this.text.decode(this.columns[bytes].subarray(at[this.row(i)], at[i + 1]))
  }

  private row(i: number): number {
    if (!Number.isInteger(i) || i < 0 || i >= this.count) {
      throw new RangeError(`no crystal ${i} in a split of ${this.count} (indices count from 0)`)
    }
    return i
  }
}

function readColumns(bytes: Uint8Array, source: string): Columns {
  const { tensors, metadata } = decode(bytes, source)
  if (metadata['format'] !== shardFormat) {
    throw new DataSetError('bad_shard', `${source} is a safetensors file but not a shard (${shardFormat})`, remake)
  }
  const count = (tensors.get('connected')?.shape[0] ?? 0) as number
  const columns: Record<string, Tensor['data']> = {}
  for (const [name, layout] of Object.entries<ColumnLayout>(SHARD_LAYOUT)) {
    const tensor = tensors.get(name)
    if (!tensor) throw new DataSetError('bad_shard', `${source} has no tensor ${name}`, remake)
    columns[name] = tensor.data
    const rows = layout.per === 'crystal' ? count : layout.per === 'offset' ? count + 1 : lastOf(columns[layout.per])
    const shape = [rows, ...layout.inner]
    if (!layout.dtypes.includes(tensor.dtype) || tensor.shape.join() !== shape.join()) {
      const message = `${source}: tensor ${name} is ${tensor.dtype} [${tensor.shape}], not ${layout.dtypes.join(' or ')} [${shape}]`
      throw new DataSetError('bad_shard', message, remake)
    }
    if (layout.per === 'offset' && !isAscending(tensor.data as Uint32Array)) {
      throw new DataSetError('bad_shard', `${source}: ${name} does not ascend from 0`, remake)
    }
  }
  const checked = columns as unknown as Columns
  checkIndices(checked, source)
  return checked
}

function decode(bytes: Uint8Array, source: string) {
  try {
    return decodeSafetensors(bytes, source)
  } catch (error) {
    if (!(error instanceof SafetensorsError)) throw error
    throw new DataSetError(error.code === 'truncated' ? 'truncated_shard' : 'bad_shard', error.message, remake)
  }
}

/** Every index within its range, so that no reader has to check one again. */
function checkIndices(columns: Columns, source: string): void {
  const { site_offsets: sites, edge_offsets, edges, permutation_offsets, permutations, species } = columns
  const fail = (what: string) => {
    throw new DataSetError('bad_shard', `${source}: ${what}`, remake)
  }
  if (species.some((element) => element >= ELEMENT_COUNT)) fail('an element index is above 87')
  for (let i = 0; i + 1 < sites.length; i++) {
    const siteCount = sites[i + 1] - sites[i]
    if (siteCount === 0) fail(`crystal ${i} has no sites`)
    for (let k = 2 * edge_offsets[i]; k < 2 * edge_offsets[i + 1]; k++) {
      if (edges[k] >= siteCount) fail(`an edge of crystal ${i} ends at site ${edges[k]} of ${siteCount}`)
    }
    if ((permutation_offsets[i + 1] - permutation_offsets[i]) % siteCount !== 0) {
      fail(`the permutations of crystal ${i} do not have ${siteCount} sites each`)
    }
    for (let k = permutation_offsets[i]; k < permutation_offsets[i + 1]; k++) {
      if (permutations[k] >= siteCount) fail(`a permutation of crystal ${i} names site ${permutations[k]}`)
    }
  }
}

function isAscending(offsets: Uint32Array): boolean {
  return offsets[0] === 0 && offsets.every((value, i) => i === 0 || value >= offsets[i - 1])
}

function lastOf(offsets: Tensor['data']): number {
  return Number(offsets[offsets.length - 1])
}
