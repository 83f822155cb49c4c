import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { pymatgenRows, type CrystalRow } from '@unitcell/datasets'
import { fixture, sources, symbolsOf } from './fixture-files.js'

const rowsOf = (text: string) => [...pymatgenRows(text, { stem: 'file' })]
const read = (name: string) => readFileSync(fixture(name), 'utf8')

const crystalOf = (row: CrystalRow) => {
  if ('error' in row) throw row.error
  return row.crystal
}

const brief = (row: CrystalRow) => ('crystal' in row ? row.crystal.id : `${row.line} ${row.error.code}`)

interface StructureDict {
  lattice: { matrix: number[][]; pbc?: boolean[] }
  sites: { species: { element: string; occu?: number }[]; abc?: number[] | undefined; xyz?: number[] }[]
}

const salt = (edit: (dict: StructureDict) => void = () => {}): StructureDict => {
  const site = (element: string, x: number) => ({ species: [{ element, occu: 1 }], abc: [x, x, x] })
  const matrix = [
    [0, 2.82, 2.82],
    [2.82, 0, 2.82],
    [2.82, 2.82, 0],
  ]
  const dict = { lattice: { matrix }, sites: [site('Na', 0), site('Cl', 0.5)] }
  edit(dict)
  return dict
}

function expectSource({ structure }: ReturnType<typeof crystalOf>, id: string) {
  const source = sources.get(id)!
  expect(symbolsOf(structure)).toEqual(source.species)
  expect([...structure.lattice]).toEqual(source.lattice.flat())
  expect([...structure.fracCoords]).toEqual(source.frac_coords.flat())
}

describe("pymatgen's JSON", () => {
  test('of one structure is the crystal it was written from, named after the file', () => {
    const [row, ...others] = rowsOf(read('pymatgen-tio2.json'))
    expect(others).toEqual([])
    expect(crystalOf(row).id).toBe('file')
    expectSource(crystalOf(row), 'reference-tio2-rutile')
  })

  test('of a list holds every structure, also one with oxidation states', () => {
    const rows = rowsOf(read('pymatgen-list.json'))
    expect(rows.map(brief)).toEqual([...sources.keys()].map((_, k) => `file-${k + 1}`))
    rows.forEach((row, k) => expectSource(crystalOf(row), [...sources.keys()][k]))
    expect(rows.map(({ line }) => line)).toEqual([...rows.map(({ line }) => line)].sort((a, b) => a - b))
    expect(new Set(rows.map(({ line }) => line)).size).toBe(rows.length)
  })

  test('of a mixed site is refused', () => {
    const [row] = rowsOf(read('pymatgen-disordered.json'))
    expect('error' in row && row.error).toMatchObject({ code: 'partial_occupancy', field: 'sites[0].species' })
    const half = rowsOf(JSON.stringify(salt((dict) => (dict.sites[1].species[0].occu = 0.5))))
    expect(half.map(brief)).toEqual(['1 partial_occupancy'])
  })

  test('may stand one a line, and inside documents of the Materials Project, which name it', () => {
    const lines = [salt(), { material_id: 'mp-22862', structure: salt() }, { ...salt(), id: 'mine' }]
    expect(rowsOf(lines.map((line) => JSON.stringify(line)).join('\n')).map(brief)).toEqual([
      'file-1',
      'mp-22862',
      'mine',
    ])
  })

  test('a broken member of a list is an error in its place', () => {
    const good = JSON.stringify(salt())
    const rows = rowsOf(`[${good},\n{"lattice": nonsense},\n"text, [with] brackets\\"",\n${good}\n]`)
    expect(rows.map(brief)).toEqual(['file-1', '2 unparsable', '3 unparsable', 'file-3'])
    expect(rowsOf(`[${good},\n{"lattice"`).map(brief)).toEqual(['file-1', '2 unparsable'])
  })

  test('with Cartesian coordinates alone is read too', () => {
    const cartesian = salt(({ sites }) => {
      delete sites[1].abc
      sites[1].xyz = [2.82, 2.82, 2.82]
    })
    const [row] = rowsOf(JSON.stringify(cartesian))
    expect([...crystalOf(row).structure.fracCoords].slice(3).map((x) => Number(x.toFixed(12)))).toEqual([0.5, 0.5, 0.5])
  })

  test.each([
    ['unparsable', 'has no lattice', { sites: [] }],
    ['unparsable', 'lattice.pbc', salt((dict) => (dict.lattice.pbc = [true, true, false]))],
    ['unparsable', 'lattice.matrix[1]', salt((dict) => (dict.lattice.matrix[1] = [1, 2]))],
    ['unparsable', 'sites[1].abc', salt((dict) => (dict.sites[1].abc = undefined))],
    ['unparsable', 'sites[0].species', salt((dict) => (dict.sites[0].species = []))],
    ['unknown_element', 'sites[0].species', salt((dict) => (dict.sites[0].species[0].element = 'X'))],
    ['coincident_sites', 'sites 0 and 1', salt((dict) => (dict.sites[1].abc = [0, 0, 1]))],
    ['no_sites', 'no sites', salt((dict) => (dict.sites = []))],
  ])('is refused as %s, saying where: %s', (code, place, dict) => {
    const [row] = rowsOf(JSON.stringify(dict))
    expect('error' in row && row.error.code).toBe(code)
    expect('error' in row && row.error.message).toContain(place)
  })
})
