import { expect, test } from 'vitest'
import { type Crystal, cellParameters, parseMp20Row, readCrystals } from '@unitcell/datasets'
import { hasShared, needsShared, shared } from '../shared.js'

async function crystalsOf(file: string): Promise<Crystal[]> {
  const crystals: Crystal[] = []
  for await (const row of readCrystals(file)) {
    if ('error' in row) throw row.error
    crystals.push(row.crystal)
  }
  return crystals
}

test.skipIf(!hasShared)(`all 300 sample rows are the same crystals as in val.jsonl.gz${needsShared}`, async () => {
  const sample = await crystalsOf(shared('data/mp20-qe/mp20-sample.csv'))
  const byRow = new Map(
    (await crystalsOf(shared('data/mp20-qe/val.jsonl.gz'))).map((crystal) => [crystal.extra.row, crystal]),
  )
  expect(sample.length).toBe(300)
  for (const crystal of sample) {
    const expected = byRow.get(crystal.extra.row)
    if (expected === undefined) throw new Error(`row ${String(crystal.extra.row)} is not in val`)
    expect(crystal.id).toBe(expected.extra.material_id ?? expected.id)
    expect(crystal.structure.species).toEqual(expected.structure.species)
    expect(crystal.structure.fracCoords).toEqual(expected.structure.fracCoords)
    expect(crystal.spaceGroup).toBe(expected.spaceGroup)
    // The CSV has no total energies.
    expect(crystal.labels).toEqual({ ...expected.labels, totalEnergyRy: null })
    const parameters = cellParameters(expected.structure.lattice)
    cellParameters(crystal.structure.lattice).forEach((value, i) => {
      expect(Math.abs(value - parameters[i])).toBeLessThan(i < 3 ? 2e-8 : 2e-6)
    })
  }
  expect(sample.filter(({ extra }) => extra.e_above_hull === null).length).toBe(267)
})

const cif = `data_LiF
_cell_length_a 4 _cell_length_b 4 _cell_length_c 4
_cell_angle_alpha 90 _cell_angle_beta 90 _cell_angle_gamma 90
loop_ _atom_site_label _atom_site_fract_x _atom_site_fract_y _atom_site_fract_z
Li 0 0 0
F 0.5 0.5 0.5
`
const row = { '': '12', material_id: 'mp-1', band_gap: '9.1', formation_energy_per_atom: '-3.1', cif }

test('a row gives id, labels and space group; the other columns are kept', () => {
  const crystal = parseMp20Row({ ...row, 'spacegroup.number': '221', e_above_hull: '0.25', elements: "['F', 'Li']" })
  expect(crystal).toMatchObject({
    id: 'mp-1',
    spaceGroup: 221,
    labels: { bandGapEv: 9.1, formationEnergyEvPerAtom: -3.1, totalEnergyRy: null },
    extra: { row: 12, e_above_hull: 0.25, elements: "['F', 'Li']" },
  })
  expect(parseMp20Row({ ...row, total_energy_ry: '-61.5' }).labels.totalEnergyRy).toBe(-61.5)
})

test('blank cells are null', () => {
  const blank = { ...row, material_id: null, band_gap: null, formation_energy_per_atom: null, e_above_hull: null }
  const crystal = parseMp20Row(blank, { defaultId: 'sample-7' })
  expect(crystal.id).toBe('sample-7')
  expect(crystal.labels).toEqual({ totalEnergyRy: null, bandGapEv: null, formationEnergyEvPerAtom: null })
  expect(crystal.extra.e_above_hull).toBeNull()
  expect(crystal.spaceGroup).toBeNull()
})

test.each([
  ['a gap in words', { ...row, band_gap: 'wide' }, 'unparsable', 'band_gap'],
  ['space group 0', { ...row, 'spacegroup.number': '0' }, 'unparsable', 'spacegroup.number'],
  ['no CIF', { ...row, cif: null }, 'unparsable', 'cif'],
  ['no id', { ...row, material_id: null }, 'unparsable', 'material_id'],
  ['two crystals', { ...row, cif: cif + cif.replace('data_LiF', 'data_again') }, 'unparsable', 'cif'],
  ['an atom outside the set', { ...row, cif: cif.replace('Li 0', 'Rn 0') }, 'unknown_element', null],
])('%s is refused', (_, fields, code, field) => {
  const error = expect.objectContaining({ code, ...(field !== null && { field }) })
  expect(() => parseMp20Row(fields)).toThrow(error)
})
