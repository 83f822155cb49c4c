import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { ImportOptions, RejectedRow } from '@unitcell/datasets'
import { CrystalDataSet, importDataSet, silentProgress, writeDataSetFolder } from '@unitcell/datasets'
import { hasShared, needsShared, shared } from '../shared.js'

let folder: string
beforeAll(async () => (folder = await mkdtemp(join(tmpdir(), 'unitcell-import-'))))
afterAll(() => rm(folder, { recursive: true }))

/** Rock salt with a given id and cell length, angstrom. */
const salt = (id: unknown, a = 5.64, more: object = {}) => ({
  id,
  lattice: [0, 1, 2].map((i) => [0, 1, 2].map((j) => (i === j ? 0 : a / 2))),
  frac_coords: [
    [0, 0, 0],
    [0.5, 0.5, 0.5],
  ],
  species: ['Na', 'Cl'],
  ...more,
})

function write(name: string, rows: readonly unknown[]): string {
  const path = join(folder, name)
  const text = rows.map((row) => (typeof row === 'string' ? row : JSON.stringify(row)) + '\n').join('')
  writeFileSync(path, name.endsWith('.gz') ? gzipSync(text) : text)
  return path
}

function compile(options: Partial<ImportOptions> & Pick<ImportOptions, 'sources'>) {
  const defaults = {
    name: 'test',
    format: 'auto',
    cell: 'niggli',
    maxSites: 20,
    licence: null,
    labelSet: null,
  } as const
  return importDataSet({ ...defaults, ...options })
}

const rejectedOf = (files: ReadonlyMap<string, Uint8Array>): RejectedRow[] =>
  new TextDecoder()
    .decode(files.get('rejected.jsonl'))
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as RejectedRow)

/** The built-in crystals many times over, each time with other ids: enough rows for several threads. */
function manyRows(copies: number): object[] {
  const path = new URL('../../datasets/reference/sssp/crystals.jsonl', import.meta.url)
  const crystals = readFileSync(path, 'utf8')
    .trim()
    .split('\n')
    .slice(0, 178)
    .map((line) => JSON.parse(line) as { id: string })
  return Array.from({ length: copies }, (_, k) => crystals.map((row) => ({ ...row, id: `${row.id}-${k}` }))).flat()
}

describe('import', () => {
  test('every kind of bad row is listed with its file, line, id, code and split, and the good ones are kept', async () => {
    const file = write('bad.jsonl', [
      salt('good'),
      '{"id": "cut off',
      salt('mixed', 5.64, { species: [{ Na: 0.5, K: 0.5 }, 'Cl'] }),
      salt('flat', 5.64, {
        lattice: [
          [1, 0, 0],
          [0, 1, 0],
          [1, 1, 0],
        ],
      }),
      salt('twice', 5.64, {
        frac_coords: [
          [0.2, 0, 0],
          [1.2, 0, 0],
        ],
      }),
      salt('polonium', 5.64, { species: ['Po', 'Cl'] }),
      salt('large', 5.64, {
        frac_coords: [
          [0, 0, 0],
          [0.5, 0, 0],
          [0, 0.5, 0],
        ],
        species: ['Na', 'Cl', 'O'],
      }),
      salt('good'),
    ])
    const { manifest, files } = await compile({ sources: [{ split: 'val', file }], maxSites: 2 })
    const rejected = rejectedOf(files)
    expect(rejected.map(({ line, id, code }) => [line, id, code])).toEqual([
      [2, null, 'unparsable'],
      [3, 'mixed', 'partial_occupancy'],
      [4, 'flat', 'no_volume'],
      [5, 'twice', 'coincident_sites'],
      [6, 'polonium', 'unknown_element'],
      [7, 'large', 'too_many_sites'],
      [8, 'good', 'duplicate_id'],
    ])
    for (const row of rejected) expect(row).toMatchObject({ file: 'bad.jsonl', split: 'val' })
    for (const row of rejected) expect(row.reason).toMatch(/.+ \(.+\)$/)
    expect(manifest.splits.val.crystals).toBe(1)
    expect(manifest.rejected.rows).toBe(7)
    expect(manifest.rejected.by_code.duplicate_id).toBe(1)
  })

  test('an id is unique over all splits', async () => {
    const train = write('t.jsonl', [salt('a'), salt('b')])
    const val = write('v.jsonl', [salt('b'), salt('c')])
    const { manifest, files } = await compile({
      sources: [
        { split: 'train', file: train },
        { split: 'val', file: val },
      ],
    })
    expect(manifest.splits.train.crystals).toBe(2)
    expect(manifest.splits.val.crystals).toBe(1)
    expect(rejectedOf(files)).toMatchObject([{ file: 'v.jsonl', line: 1, id: 'b', code: 'duplicate_id', split: 'val' }])
  })

  test('files of one split follow each other, rows stay in the order of the files, plain or gz', async () => {
    const sources = [
      { split: 'train', file: write('one.jsonl', [salt('c'), salt('a')]) },
      { split: 'val', file: write('two.jsonl', [salt('v')]) },
      { split: 'train', file: write('three.jsonl.gz', [salt('b')]) },
    ]
    const compiled = await compile({ sources })
    const out = join(folder, 'order')
    await writeDataSetFolder(compiled, out)
    const dataSet = await CrystalDataSet.open(out)
    expect(dataSet.splits).toEqual(['train', 'val'])
    const train = dataSet.split('train')
    expect(Array.from({ length: train.count }, (_, i) => train.id(i))).toEqual(['c', 'a', 'b'])
    expect(dataSet.manifest.sources.map(({ split, file }) => [split, file])).toEqual([
      ['train', 'one.jsonl'],
      ['val', 'two.jsonl'],
      ['train', 'three.jsonl.gz'],
    ])
  })

  test('the same rows give the same bytes with one thread and with several', async () => {
    const sources = [{ split: 'train', file: write('many.jsonl', manyRows(2)) }]
    const one = await compile({ sources, threads: 1 })
    const three = await compile({ sources, threads: 3 })
    expect(three.manifest).toEqual(one.manifest)
    for (const [file, bytes] of one.files) expect(Buffer.compare(bytes, three.files.get(file)!), file).toBe(0)
    expect(one.manifest.splits.train.crystals).toBe(2 * 178)
  })

  test('the identity is of crystals and labels: not of names, but of every label', async () => {
    const file = write('id.jsonl', [salt('a', 5.64, { band_gap_ev: 5 })])
    const other = write('other.jsonl', [salt('a', 5.64, { band_gap_ev: 5 })])
    const changed = write('changed.jsonl', [salt('a', 5.64, { band_gap_ev: 5.1 })])
    const hash = async (path: string, more: Partial<ImportOptions> = {}) =>
      (await compile({ sources: [{ split: 'train', file: path }], ...more })).manifest.hash
    const original = await hash(file)
    expect(await hash(other, { name: 'another' })).toBe(original)
    expect(await hash(changed)).not.toBe(original)
    expect(await hash(file, { labelSet: { code: 'x' } })).not.toBe(original)
    expect(await hash(file, { labelSet: { a: 1, b: { c: 2, d: 3 } } })).toBe(
      await hash(file, { labelSet: { b: { d: 3, c: 2 }, a: 1 } }),
    )
  })

  test('the default is the Niggli cell, with the sites in their order; the cell as given is kept on request', async () => {
    // A doubled shear of rock salt's primitive cell; its Niggli cell has three equal lengths.
    const [a, b, c] = salt('x').lattice
    const sheared = [a, b.map((v, k) => v + 2 * a[k]), c]
    const frac = [
      [0, 0, 0],
      [0.5 - 1, 0.5, 0.5],
    ]
    const file = write('sheared.jsonl', [salt('s', 5.64, { lattice: sheared, frac_coords: frac })])
    const open = async (cell: 'niggli' | 'as-given') => {
      const out = join(folder, `cell-${cell}`)
      await writeDataSetFolder(await compile({ sources: [{ split: 'train', file }], cell }), out)
      return (await CrystalDataSet.open(out)).split('train')
    }
    const niggli = await open('niggli')
    const lengths = (lattice: Float64Array) => [0, 3, 6].map((i) => Math.hypot(...lattice.subarray(i, i + 3)))
    for (const length of lengths(niggli.structure(0).lattice)) expect(length).toBeCloseTo(5.64 / Math.SQRT2, 10)
    const given = await open('as-given')
    expect([...given.structure(0).lattice]).toEqual(sheared.flat())
    expect([...given.structure(0).fracCoords]).toEqual(frac.flat())
    for (const split of [niggli, given]) {
      expect([...split.structure(0).species]).toEqual([10, 16])
      expect(split.spaceGroup(0)).toBe(225)
      expect(split.graph(0).distances.length).toBe(6)
      for (const distance of split.graph(0).distances) expect(distance).toBeCloseTo(5.64 / 2, 10)
    }
  })

  test('a file that is not there ends the import', async () => {
    const missing = compile({ sources: [{ split: 'train', file: join(folder, 'missing.jsonl') }] })
    await expect(missing).rejects.toMatchObject({ code: 'unreadable_file' })
  })

  test.each([1, 2])('stopped halfway with %i threads, it ends with the reason of the stop', async (threads) => {
    const controller = new AbortController()
    const reason = new Error('enough')
    const importing = compile({
      sources: [{ split: 'train', file: write('stopped.jsonl', manyRows(2)) }],
      threads,
      signal: controller.signal,
      onStart: () => ({ ...silentProgress, update: (done) => done === 40 && controller.abort(reason) }),
    })
    await expect(importing).rejects.toBe(reason)
  })

  test('a stop while writing leaves nothing behind, and what was there before stays', async () => {
    const compiled = await compile({ sources: [{ split: 'train', file: write('w.jsonl', [salt('a')]) }] })
    const parent = await mkdtemp(join(folder, 'stop-'))
    const out = join(parent, 'set')
    const signal = AbortSignal.abort(new Error('enough'))
    await expect(writeDataSetFolder(compiled, out, { signal })).rejects.toThrow('enough')
    expect(readdirSync(parent)).toEqual([])
    await writeDataSetFolder(compiled, out)
    await expect(writeDataSetFolder(compiled, out, { force: true, signal })).rejects.toThrow('enough')
    expect(readdirSync(parent)).toEqual(['set'])
    ;(await CrystalDataSet.open(out)).verifyHashes()
  })

  test('a folder with something in it is replaced only by force, and only if it is a data set', async () => {
    const first = await compile({ sources: [{ split: 'train', file: write('f1.jsonl', [salt('a')]) }] })
    const second = await compile({ sources: [{ split: 'train', file: write('f2.jsonl', [salt('b')]) }] })
    const parent = await mkdtemp(join(folder, 'force-'))
    const out = join(parent, 'set')
    await writeDataSetFolder(first, out)
    await expect(writeDataSetFolder(second, out)).rejects.toMatchObject({ code: 'exists' })
    await writeDataSetFolder(second, out, { force: true })
    expect((await CrystalDataSet.open(out)).split('train').id(0)).toBe('b')
    expect(readdirSync(parent)).toEqual(['set'])
    const precious = await mkdtemp(join(folder, 'precious-'))
    writeFileSync(join(precious, 'thesis.tex'), 'x')
    await expect(writeDataSetFolder(second, precious, { force: true })).rejects.toMatchObject({ code: 'exists' })
    expect(readdirSync(precious)).toEqual(['thesis.tex'])
  })

  test.skipIf(!hasShared)(
    `MP-20 CSV and Crystals JSONL of the same crystals give the same graphs${needsShared}`,
    async () => {
      const csv = await compile({ sources: [{ split: 'val', file: shared('data/mp20-qe/mp20-sample.csv') }] })
      const jsonl = await compile({ sources: [{ split: 'val', file: shared('data/mp20-qe/val.jsonl.gz') }] })
      const open = (compiled: typeof csv) =>
        new CrystalDataSet(compiled.manifest, (file) => compiled.files.get(file)!, 'memory').split('val')
      const [a, b] = [open(csv), open(jsonl)]
      expect(a.count).toBe(300)
      const rows = new Map(Array.from({ length: b.count }, (_, i) => [b.extra(i).row, i]))
      let compared = 0
      for (let i = 0; i < a.count; i++) {
        const id = /^mp20-train-(\d+)$/.exec(a.id(i))
        if (!id) continue
        const j = rows.get(Number(id[1]))!
        expect(a.labels(i).bandGapEv, a.id(i)).toBe(b.labels(j).bandGapEv)
        expect([...a.structure(i).species].sort(), a.id(i)).toEqual([...b.structure(j).species].sort())
        expect(a.graph(i).distances.length, a.id(i)).toBe(b.graph(j).distances.length)
        compared++
      }
      expect(compared).toBe(267)
    },
  )
})
