import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, expect, test } from 'vitest'
import { type CrystalRow, type ReadCrystalsOptions, readCrystals } from '@unitcell/datasets'
import { hasShared, needsShared, shared } from '../shared.js'
import { fixture, sources } from './fixture-files.js'

const folder = mkdtempSync(join(tmpdir(), 'unitcell-read-'))
afterAll(() => rmSync(folder, { recursive: true }))

function write(name: string, content: string | Uint8Array): string {
  const file = join(folder, name)
  writeFileSync(file, content)
  return file
}

async function rowsOf(file: string, options?: ReadCrystalsOptions): Promise<CrystalRow[]> {
  const rows: CrystalRow[] = []
  for await (const row of readCrystals(file, options)) rows.push(row)
  return rows
}

/** `line id` of a crystal, `line code` of an error, with its id where there is one. */
const brief = (row: CrystalRow) =>
  'crystal' in row ? `${row.line} ${row.crystal.id}` : `${row.line} ${row.error.code}${row.id ? ` ${row.id}` : ''}`

const lattice = '[[4,0,0],[0,4,0],[0,0,4]]'
const good = (id: string) => `{"id":"${id}","lattice":${lattice},"frac_coords":[[0,0,0]],"species":["Li"]}`

const mixed = [
  good('first'),
  '',
  `{"id":"argon","lattice":${lattice},"frac_coords":[[0,0,0]],"species":["Ar"]}`,
  '{"id":"broken"',
  good('second') + '\r',
  `{"lattice":${lattice},"frac_coords":[[0,0,0]],"species":["Li"]}`,
  `{"id":"pair","lattice":${lattice},"frac_coords":[[0,0,0],[0.5,0,0]],"species":["Li","F"]}`,
].join('\n')

const mixedRows = [
  '1 first',
  '3 unknown_element argon',
  '4 unparsable',
  '5 second',
  '6 mixed-6',
  '7 too_many_sites pair',
]

test('bad lines are told where they stand, good ones read, and unnamed ones named by file and line', async () => {
  const options = { maxSites: 1 }
  expect((await rowsOf(write('mixed.jsonl', mixed), options)).map(brief)).toEqual(mixedRows)
  expect((await rowsOf(write('mixed.jsonl.gz', gzipSync(mixed)), options)).map(brief)).toEqual(mixedRows)
  expect((await rowsOf(write('mixed', `\uFEFF\n${mixed}`))).map(brief)[0]).toBe('2 first')
})

const cif = (id: string, element = 'Li') =>
  `"# ${id}\ndata_${id}\n_cell_length_a 4\n_cell_length_b 4\n_cell_length_c 4\n_chemical_name_common 'a ""salt""'\nloop_\n` +
  `_atom_site_type_symbol\n_atom_site_fract_x\n_atom_site_fract_y\n_atom_site_fract_z\n${element} 0 0 0\n"`
const header = ',material_id,band_gap,cif,spacegroup.number'
const csv = [
  header,
  `0,mp-1,nan,${cif('one')},221`,
  `1,mp-2,1.5,${cif('two', 'Xx')},221`,
  `2,mp-3,1.5`,
  `3,,,${cif('four')},`,
]

test('rows of a CSV are told by the line on which they begin', async () => {
  const expected = ['2 mp-1', '15 unknown_element mp-2', '28 unparsable', '29 rows-29']
  expect((await rowsOf(write('rows.csv', csv.join('\n')))).map(brief)).toEqual(expected)
  expect((await rowsOf(write('rows.csv.gz', gzipSync(csv.join('\r\n'))))).map(brief)).toEqual(expected)
  const unnamed = await rowsOf(write('rows', csv.join('\n')))
  expect(unnamed.map(brief)).toEqual(expected)
  expect((await rowsOf(write('rows.txt', csv.join('\n')), { format: 'mp20-csv' })).length).toBe(4)
})

test('broken quotes end a CSV with an error after the rows before them', async () => {
  const rows = await rowsOf(write('quotes.csv', [...csv.slice(0, 2), '5,mp-9,1,"never closed,1'].join('\n')))
  expect(rows.map(brief)).toEqual(['2 mp-1', '15 unparsable'])
  expect('error' in rows[1] && rows[1].error.message).toMatch(/from here on/)
})

/** A packed file with a wrong checksum. */
function damaged(packed: Buffer): Buffer {
  packed.writeUInt32LE(1, packed.length - 8)
  return packed
}

test.each([
  ['absent.jsonl', null, 'unreadable_file'],
  ['truncated.jsonl.gz', gzipSync(mixed.repeat(20)).subarray(0, 120), 'unreadable_file'],
  ['damaged.csv.gz', damaged(gzipSync(csv.join('\n'))), 'unreadable_file'],
  ['poem', 'Roses are red\n', 'unknown_format'],
  ['table.csv', 'a,b\n1,2\n', 'unknown_format'],
  ['empty.csv', '', 'unknown_format'],
  ['empty', '', 'unknown_format'],
])('%s as a whole is refused', async (name, content, code) => {
  const file = content === null ? join(folder, name) : write(name, content)
  await expect(rowsOf(file)).rejects.toMatchObject({
    name: 'CrystalError',
    code,
    message: expect.stringContaining(name),
  })
})

test('a folder is refused', async () => {
  await expect(rowsOf(folder, { format: 'jsonl' })).rejects.toMatchObject({ code: 'unreadable_file' })
})

test('an empty JSONL file has no crystals', async () => {
  expect(await rowsOf(write('empty.jsonl', ''))).toEqual([])
})

test('reading can be left early', async () => {
  const file = write('long.jsonl.gz', gzipSync(`${good('a')}\n`.repeat(50_000)))
  for await (const row of readCrystals(file)) {
    expect(row.line).toBe(1)
    break
  }
})

test.skipIf(!hasShared)(`every labelled crystal of the data sets is sound${needsShared}`, async () => {
  for (const [file, count] of [
    ['data/mp20-qe/train.jsonl.gz', 7062],
    ['data/mp20-qe/val.jsonl.gz', 887],
    ['data/reference-set/crystals.jsonl', 178],
  ] as const) {
    const rows = await rowsOf(shared(file))
    expect(rows.filter((row) => 'error' in row)).toEqual([])
    expect(rows.length).toBe(count)
  }
})

test.each([
  ['pymatgen-tio2.vasp', 'poscar', ['pymatgen-tio2'], 6],
  ['ase-zno-vasp4.vasp', 'poscar', ['ase-zno-vasp4'], 4],
  ['ase-frames.extxyz', 'extxyz', [...sources.keys()], 6],
  ['pymatgen-tio2.json', 'pymatgen-json', ['pymatgen-tio2'], 6],
  ['pymatgen-tio2.cif', 'cif', ['TiO2'], 6],
] as const)('%s is read, told by its name, by its content, or by --format', async (name, format, ids, sites) => {
  const content = readFileSync(fixture(name))
  // Under a name that says nothing, and packed.
  const nameless = write(`${name}-nameless`, content)
  const named = await rowsOf(fixture(name))
  for (const rows of [named, await rowsOf(nameless), await rowsOf(nameless, { format })]) {
    const crystals = rows.map((row) => ('crystal' in row ? row.crystal : null))
    expect(crystals.map((crystal) => crystal?.structure)).toEqual(
      named.map((row) => 'crystal' in row && row.crystal.structure),
    )
  }
  expect(named.map((row) => 'crystal' in row && row.crystal.id)).toEqual(ids)
  expect('crystal' in named[0] && named[0].crystal.structure.species.length).toBe(sites)
  const packed = await rowsOf(write(`${name}.gz`, gzipSync(content)))
  expect(packed).toEqual(named)
  expect((await rowsOf(fixture(name), { maxSites: 1 })).map(brief)[0]).toContain('too_many_sites')
})
