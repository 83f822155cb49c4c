import { cpSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { CompiledDataSet, Dtype, Tensor } from '@unitcell/datasets'
import {
  builtinSplit,
  compileReference,
  CrystalDataSet,
  CrystalShard,
  crystalNN,
  decodeSafetensors,
  ELEMENT_COUNT,
  encodeSafetensors,
  quantiles,
  readCrystals,
  sitePermutations,
  summarize,
  SYMBOLS,
  writeDataSetFolder,
} from '@unitcell/datasets'

const reference = (file: string) => fileURLToPath(new URL(`../../datasets/reference/sssp/${file}`, import.meta.url))

interface ReferenceRow {
  id: string
  species: string[]
  space_group: number
  reduced_formula: string
  band_gap_ev: number
  total_energy_ry: number
  prototype: string
}

const rows = readFileSync(reference('crystals.jsonl'), 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as ReferenceRow)

const source = {
  name: 'builtin',
  crystals: readFileSync(reference('crystals.jsonl'), 'utf8'),
  labelSet: JSON.parse(readFileSync(reference('label-set.json'), 'utf8')) as Record<string, unknown>,
}

let compiled: CompiledDataSet
let parent: string
let pristine: string
beforeAll(async () => {
  parent = await mkdtemp(join(tmpdir(), 'unitcell-data-set-'))
  pristine = join(parent, 'pristine')
  compiled = await compileReference(source)
  await writeDataSetFolder(compiled, pristine)
})
afterAll(() => rm(parent, { recursive: true }))

describe('the built-in data set', () => {
  test('has every crystal of its source exactly once, with its labels and other fields', async () => {
    const dataSet = await CrystalDataSet.open('builtin')
    let found = 0
    for (const row of rows) {
      const name = dataSet.splits.find((split) => dataSet.split(split).indexOf(row.id) !== undefined)!
      const split = dataSet.split(name)
      const i = split.indexOf(row.id)!
      expect(split.id(i)).toBe(row.id)
      expect(Array.from(split.structure(i).species, (element) => SYMBOLS[element])).toEqual(row.species)
      expect(split.spaceGroup(i)).toBe(row.space_group)
      expect(split.labels(i)).toEqual({
        bandGapEv: row.band_gap_ev,
        totalEnergyRy: row.total_energy_ry,
        formationEnergyEvPerAtom: null,
      })
      expect(split.extra(i)).toMatchObject({ prototype: row.prototype, reduced_formula: row.reduced_formula })
      found++
    }
    expect(found).toBe(rows.length)
    expect(dataSet.splits.reduce((sum, split) => sum + dataSet.split(split).count, 0)).toBe(rows.length)
  })

  test('keeps crystals of one formula on one side, about 15 % of them in val', async () => {
    const dataSet = await CrystalDataSet.open('builtin')
    const sides = new Map<unknown, Set<string>>()
    for (const name of dataSet.splits) {
      const split = dataSet.split(name)
      for (let i = 0; i < split.count; i++) {
        const { reduced_formula: formula } = split.extra(i)
        sides.set(formula, (sides.get(formula) ?? new Set()).add(name))
      }
    }
    for (const [formula, side] of sides) expect([...side], String(formula)).toHaveLength(1)
    const share = dataSet.split('val').count / rows.length
    expect(share).toBeGreaterThan(0.1)
    expect(share).toBeLessThan(0.2)
  })

  test('draws the side of a formula by its hash, so that it never changes', () => {
    const formulas = Array.from({ length: 20_000 }, (_, k) => `A${k}B`)
    const val = formulas.filter((formula) => builtinSplit(formula) === 'val').length
    expect(Math.abs(val / formulas.length - 0.15)).toBeLessThan(0.01)
    // sha256sum: MgO begins with 010eaf78 (0.004 of the range), ClNa with 2b05385c (0.168).
    expect(builtinSplit('MgO')).toBe('val')
    expect(builtinSplit('ClNa')).toBe('train')
  })

  test('knows how its labels were computed', async () => {
    const { manifest } = await CrystalDataSet.open('builtin')
    expect(manifest.label_set).toMatchObject({ functional: 'PBE', ecutwfc_ry: 30 })
  })
})

describe('a data-set folder', () => {
  test('holds what was compiled in memory', async () => {
    const [memory, disk] = [await CrystalDataSet.open('builtin'), await CrystalDataSet.open(pristine)]
    expect(disk.manifest).toEqual(memory.manifest)
    expect(disk.hash).toBe(memory.hash)
    for (const name of memory.splits) {
      const [a, b] = [memory.split(name), disk.split(name)]
      for (let i = 0; i < a.count; i++) {
        expect(b.crystal(i)).toEqual(a.crystal(i))
        expect(b.graph(i)).toEqual(a.graph(i))
        expect(b.permutations(i)).toEqual(a.permutations(i))
      }
    }
    disk.verifyHashes()
  })

  test('holds the graph and the symmetry that a fresh computation gives, in the cell that it holds', async () => {
    const split = (await CrystalDataSet.open(pristine)).split('val')
    for (let i = 0; i < split.count; i++) {
      const structure = split.structure(i)
      expect(split.graph(i)).toEqual(crystalNN(structure))
      expect(split.permutations(i).map((p) => [...p])).toEqual(sitePermutations(structure).map((p) => [...p]))
    }
  })

  test('is read without a copy: one memory under everything a split returns', async () => {
    const split = (await CrystalDataSet.open(pristine)).split('train')
    const { buffer } = split.structure(0).lattice
    const views = [split.structure(5).species, split.graph(7).edges, split.graph(9).distances, split.permutations(3)[0]]
    for (const view of views) expect(view.buffer).toBe(buffer)
  })

  test('says which splits there are when asked for another', async () => {
    const dataSet = await CrystalDataSet.open(pristine)
    expect(() => dataSet.split('test')).toThrow(/"test".*use one of: train, val/)
    expect(() => dataSet.split('toString')).toThrow(expect.objectContaining({ code: 'unknown_split' }))
    expect(() => dataSet.split('val').structure(1000)).toThrow(RangeError)
    expect(() => dataSet.split('val').labels(-1)).toThrow(RangeError)
  })

  /** A copy of the folder, to be spoilt. */
  function copy(): string {
    const folder = join(parent, Math.random().toString(36).slice(2))
    cpSync(pristine, folder, { recursive: true })
    return folder
  }

  const editManifest = (folder: string, edit: (manifest: Record<string, unknown>) => void) => {
    const path = join(folder, 'manifest.json')
    const manifest = JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>
    edit(manifest)
    writeFileSync(path, JSON.stringify(manifest))
  }

  test.each<[string, string, (manifest: Record<string, unknown>) => void]>([
    ['of another format', 'not_a_data_set', (manifest) => (manifest.format = 'other')],
    ['of another version', 'unsupported_version', (manifest) => (manifest.format_version = 2)],
    ['without splits', 'not_a_data_set', (manifest) => delete manifest.splits],
    [
      'that points out of its folder',
      'not_a_data_set',
      ({ splits }) => ((splits as Record<string, { file: string }>).val.file = '../val.safetensors'),
    ],
  ])('with a manifest %s is refused', async (_, code, edit) => {
    const folder = copy()
    editManifest(folder, edit)
    await expect(CrystalDataSet.open(folder)).rejects.toMatchObject({ code })
  })

  test('without a manifest, or with one that is not JSON, is refused', async () => {
    await expect(CrystalDataSet.open(join(parent, 'nothing'))).rejects.toMatchObject({ code: 'not_a_data_set' })
    const folder = copy()
    writeFileSync(join(folder, 'manifest.json'), '{')
    await expect(CrystalDataSet.open(folder)).rejects.toMatchObject({ code: 'not_a_data_set' })
  })

  test('with a shard cut off, absent or of another kind is refused when the split is opened', async () => {
    const open = async (spoil: (shard: string) => void) => {
      const folder = copy()
      spoil(join(folder, 'val.safetensors'))
      const dataSet = await CrystalDataSet.open(folder)
      dataSet.split('train')
      return () => dataSet.split('val')
    }
    expect(await open((shard) => truncateSync(shard, 1000))).toThrow(
      expect.objectContaining({ code: 'truncated_shard' }),
    )
    expect(await open((shard) => truncateSync(shard, 0))).toThrow(expect.objectContaining({ code: 'truncated_shard' }))
    const noise = new Uint8Array(200_000).fill(255)
    expect(await open((shard) => writeFileSync(shard, noise))).toThrow(expect.objectContaining({ code: 'bad_shard' }))
    const absent = await open((shard) => rmSync(shard))
    expect(absent).toThrow(expect.objectContaining({ code: 'unreadable_file' }))
  })

  test('with one bit changed is found by verifyHashes', async () => {
    for (const file of ['val.safetensors', 'train.safetensors']) {
      const folder = copy()
      const bytes = readFileSync(join(folder, file))
      bytes[bytes.length - 9] ^= 1
      writeFileSync(join(folder, file), bytes)
      const dataSet = await CrystalDataSet.open(folder)
      expect(() => dataSet.verifyHashes()).toThrow(expect.objectContaining({ code: 'hash_mismatch' }))
    }
    const folder = copy()
    editManifest(folder, (manifest) => ((manifest.label_set as Record<string, unknown>).ecutwfc_ry = 60))
    const dataSet = await CrystalDataSet.open(folder)
    expect(() => dataSet.verifyHashes()).toThrow(/manifest\.json.*changed or damaged/)
  })
})

describe('a shard', () => {
  const shardBytes = async () => compiled.files.get('val.safetensors')!

  /** The shard with one tensor altered in memory. */
  async function altered(name: string, alter: (tensor: Tensor) => Tensor | null): Promise<() => CrystalShard> {
    const { tensors, metadata } = decodeSafetensors((await shardBytes()).slice())
    const changed = alter(tensors.get(name)!)
    const all = [...tensors].filter(([key]) => key !== name)
    const bytes = encodeSafetensors(Object.fromEntries(changed ? [...all, [name, changed]] : all), metadata)
    return () => new CrystalShard(bytes, 'x')
  }

  const set = (at: number, value: number) => (tensor: Tensor) => {
    ;(tensor.data as Uint8Array)[at] = value
    return tensor
  }

  test.each<[string, string, (tensor: Tensor) => Tensor | null]>([
    ['an element that does not exist', 'species', set(0, ELEMENT_COUNT)],
    ['an edge to a site that does not exist', 'edges', set(1, 60_000)],
    ['a permutation of a site that does not exist', 'permutations', set(0, 200)],
    ['offsets that do not begin at 0', 'site_offsets', set(0, 1)],
    ['offsets that descend', 'edge_offsets', set(1, 4_000_000)],
    ['a tensor missing', 'images', () => null],
    ['a tensor of another type', 'connected', (tensor) => ({ ...tensor, dtype: 'U8' satisfies Dtype })],
    ['a tensor of another shape', 'lattices', (tensor) => ({ ...tensor, shape: [tensor.shape[0], 9] })],
  ])('with %s is refused', async (_, name, alter) => {
    expect(await altered(name, alter)).toThrow(expect.objectContaining({ code: 'bad_shard' }))
  })

  test('that is sound passes the same road', async () => {
    expect((await altered('species', (tensor) => tensor))().count).toBeGreaterThan(0)
  })
})

describe('the summary', () => {
  test('adds up: splits to the whole, elements to what the source says', async () => {
    const summary = summarize(await CrystalDataSet.open('builtin'))
    const [train, val] = [summary.splits.train, summary.splits.val]
    for (const key of ['crystals', 'sites', 'edges', 'transitions', 'disconnected'] as const) {
      expect(train[key] + val[key], key).toBe(summary[key])
    }
    expect(summary.sites).toBe(rows.reduce((sum, row) => sum + row.species.length, 0))
    const withOxygen = rows.filter((row) => row.species.includes('O')).length
    expect(summary.elements.O).toBe(withOxygen)
    expect(Object.keys(summary.elements)).toHaveLength(new Set(rows.flatMap((row) => row.species)).size)
    const gaps = rows.map((row) => row.band_gap_ev).sort((a, b) => a - b)
    expect(summary.band_gap_ev).toMatchObject({ known: rows.length, min: gaps[0], max: gaps.at(-1)! })
    const middle = (gaps.length - 1) / 2
    expect(summary.band_gap_ev.median).toBeCloseTo((gaps[Math.floor(middle)] + gaps[Math.ceil(middle)]) / 2, 12)
    expect(summary.formation_energy_ev_per_atom).toMatchObject({ known: 0, median: null })
  })

  test('has quantiles as NumPy computes them', () => {
    // numpy.quantile([3, 1, 4, 1, 5, 9], [0, .25, .5, .75, 1])
    expect(quantiles([3, 1, 4, 1, 5, 9])).toEqual({ known: 6, min: 1, p25: 1.5, median: 3.5, p75: 4.75, max: 9 })
    expect(quantiles([-2])).toEqual({ known: 1, min: -2, p25: -2, median: -2, p75: -2, max: -2 })
  })
})

test('the committed source of the built-in set is sound to the last line', async () => {
  let crystals = 0
  for await (const row of readCrystals(reference('crystals.jsonl'))) if ('crystal' in row) crystals++
  expect(crystals).toBe(rows.length)
})
