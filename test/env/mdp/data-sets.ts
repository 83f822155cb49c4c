import {
  compileDataSet,
  CrystalDataSet,
  permuteStructure,
  type CellChoice,
  type Crystal,
  type Structure,
} from '@unitcell/datasets'

export const NO_LABELS = { totalEnergyRy: null, bandGapEv: null, formationEnergyEvPerAtom: null }

/** A data set made in memory, by the code that imports files. */
export async function compileCrystals(
  name: string,
  splits: Readonly<Record<string, readonly Crystal[]>>,
  cell: CellChoice = 'niggli',
): Promise<CrystalDataSet> {
  const rows = Object.entries(splits).flatMap(([split, crystals]) =>
    crystals.map((crystal, i) => ({ split, file: `${split}.jsonl`, line: i + 1, crystal })),
  )
  const { manifest, files } = await compileDataSet(rows, [], {
    name,
    splits: Object.keys(splits),
    sources: [],
    cell,
    maxSites: 200,
    licence: null,
    labelSet: null,
    threads: 1,
  })
  if (manifest.rejected.rows > 0) throw new Error(Buffer.from(files.get(manifest.rejected.file)!).toString())
  return new CrystalDataSet(manifest, (file) => files.get(file)!, name)
}

/** Crystals of a split, as their file has them. */
export function crystalsOf(dataset: CrystalDataSet, split: string, count = Infinity): Crystal[] {
  const shard = dataset.split(split)
  return Array.from({ length: Math.min(count, shard.count) }, (_, i) => shard.crystal(i))
}

/** The same crystal with its sites listed in another order: new site k is old site order[k]. */
export function relist(crystal: Crystal, order: readonly number[]): Crystal {
  return { ...crystal, structure: permuteStructure(crystal.structure, Uint16Array.from(order)) }
}

/** A crystal with its origin moved by a vector of fractional coordinates. */
export function moveOrigin(structure: Structure, shift: readonly [number, number, number]): Structure {
  return { ...structure, fracCoords: structure.fracCoords.map((value, k) => (value + shift[k % 3]) % 1) }
}
