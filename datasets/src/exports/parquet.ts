import { ByteWriter, ParquetWriter, type ColumnSource, type SchemaElement } from 'hyparquet-writer'
import { writeFileAtomically } from '../store/atomic-output.js'
import type { OutputFile } from '../store/output-file.js'
import type { Episodes } from './episodes.js'
import type { FormatOptions } from './format-options.js'
import { crystalRow, crystalsPath, transitionRows, type CrystalRow, type TransitionRow } from './rows.js'

/** Rows of a row group: what is in memory at a time. */
const ROWS_AT_A_TIME = 50_000

type ColumnType = 'INT32' | 'DOUBLE' | 'BOOLEAN' | 'STRING'

interface Column {
  readonly type: ColumnType
  readonly kind?: 'list' | 'nullable'
}

const TRANSITIONS = {
  episode: { type: 'INT32' },
  crystal: { type: 'INT32' },
  id: { type: 'STRING' },
  step: { type: 'INT32' },
  focus: { type: 'INT32' },
  action: { type: 'INT32' },
  reward: { type: 'DOUBLE' },
  terminated: { type: 'BOOLEAN' },
  elements: { type: 'INT32', kind: 'list' },
} as const satisfies Record<keyof TransitionRow, Column>

const CRYSTALS = {
  crystal: { type: 'INT32' },
  id: { type: 'STRING' },
  lattice: { type: 'DOUBLE', kind: 'list' },
  frac_coords: { type: 'DOUBLE', kind: 'list' },
  species: { type: 'STRING', kind: 'list' },
  edges: { type: 'INT32', kind: 'list' },
  images: { type: 'INT32', kind: 'list' },
  distances: { type: 'DOUBLE', kind: 'list' },
  space_group: { type: 'INT32' },
  band_gap_ev: { type: 'DOUBLE', kind: 'nullable' },
  total_energy_ry: { type: 'DOUBLE', kind: 'nullable' },
  formation_energy_ev_per_atom: { type: 'DOUBLE', kind: 'nullable' },
} as const satisfies Record<keyof CrystalRow, Column>

/** Writes a row per transition to `path`, and a row per crystal beside it (`crystalsPath`). */
export async function writeParquet(
  path: string,
  episodes: Episodes,
  { description, onEpisodes }: FormatOptions,
): Promise<void> {
  await writeFileAtomically(crystalsPath(path), async (crystalsFile) => {
    await writeFileAtomically(path, async (file) => {
      const transitions = new Table(file, TRANSITIONS, description)
      const crystals = new Table(crystalsFile, CRYSTALS, description)
      let index = 0
      for (const group of episodes.groups()) {
        crystals.add(crystalRow(group, index))
        for (const episode of group.episodes) for (const row of transitionRows(episode, index)) transitions.add(row)
        index++
        await onEpisodes(group.episodes.length)
      }
      transitions.finish()
      crystals.finish()
    })
  })
}

/** A Parquet file written one row group at a time. */
class Table<Name extends string> {
  private readonly bytes = new ByteWriter()
  private readonly writer: ParquetWriter
  private columns: Record<Name, unknown[]>
  private rows = 0

  constructor(
    private readonly file: OutputFile,
    private readonly layout: Readonly<Record<Name, Column>>,
    description: string,
  ) {
    this.columns = this.emptyColumns()
    this.writer = new ParquetWriter({
      writer: this.bytes,
      schema: schemaOf(layout),
      kvMetadata: [{ key: 'description', value: description }],
      createdBy: 'unitcell',
    })
  }

  add(row: Readonly<Record<Name, unknown>>): void {
    for (const name in this.columns) this.columns[name].push(row[name])
    if (++this.rows === ROWS_AT_A_TIME) this.writeGroup()
  }

  finish(): void {
    this.writeGroup()
    this.writer.finish()
    this.drain()
  }

  private writeGroup(): void {
    if (this.rows === 0) return
    const columnData = Object.entries(this.columns).map(([name, data]) => ({ name, data })) as ColumnSource[]
    this.writer.write({ columnData, rowGroupSize: ROWS_AT_A_TIME })
    this.drain()
    this.columns = this.emptyColumns()
    this.rows = 0
  }

  /** Moves what the library has written to the file. */
  private drain(): void {
    this.file.append(new Uint8Array(this.bytes.buffer, 0, this.bytes.index))
    this.bytes.index = 0
  }

  private emptyColumns(): Record<Name, unknown[]> {
    return Object.fromEntries(Object.keys(this.layout).map((name) => [name, []])) as unknown as Record<Name, unknown[]>
  }
}

function schemaOf(layout: Readonly<Record<string, Column>>): SchemaElement[] {
  const columns = Object.entries(layout).flatMap(([name, { type, kind }]): SchemaElement[] => {
    if (kind !== 'list') return [leaf(name, type, kind === 'nullable')]
    return [
      { name, repetition_type: 'REQUIRED', converted_type: 'LIST', num_children: 1 },
      { name: 'list', repetition_type: 'REPEATED', num_children: 1 },
      leaf('element', type, false),
    ]
  })
  return [{ name: 'root', num_children: Object.keys(layout).length }, ...columns]
}

function leaf(name: string, type: ColumnType, isNullable: boolean): SchemaElement {
  const repetition_type = isNullable ? 'OPTIONAL' : 'REQUIRED'
  if (type === 'STRING') return { name, type: 'BYTE_ARRAY', converted_type: 'UTF8', repetition_type }
  return { name, type, repetition_type }
}
