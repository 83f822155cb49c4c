import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  SYMBOLS,
  cellParameters,
  compositionOf,
  crystalFromCif,
  hasAtoms,
  parseCif,
  parseCifSyntax,
  reducedFormula,
} from '@unitcell/datasets'

/** A CIF of a cubic cell of 5 angstrom with these symmetry operations and site lines `label x y z occupancy`. */
function cubicCif(operations: readonly string[], sites: readonly string[], extra = ''): string {
  return `data_test
_cell_length_a 5.0
_cell_length_b 5.0(1)
_cell_length_c 5.0
_cell_angle_alpha 90
_cell_angle_beta 90.00
_cell_angle_gamma 90
${extra}
loop_
_symmetry_equiv_pos_as_xyz
${operations.map((operation) => `'${operation}'`).join('\n')}
loop_
_atom_site_label
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
_atom_site_occupancy
${sites.join('\n')}
`
}

const symbolsOf = (species: Uint8Array) => Array.from(species, (element) => SYMBOLS[element])

const rounded = (numbers: Float64Array) => Array.from(numbers, (x) => Math.round(x * 1e6) / 1e6 + 0)

/** Sites as sorted texts, coordinates in 0..1. */
function siteSet({ fracCoords, species }: { fracCoords: Float64Array; species: Uint8Array }): string[] {
  return Array.from(species, (element, site) => {
    const position = fracCoords.subarray(3 * site, 3 * site + 3).map((x) => x - Math.floor(x + 1e-6))
    return `${SYMBOLS[element]} ${rounded(position).join(' ')}`
  }).sort()
}

const I_CENTRED = ['x,y,z', 'x+1/2, y+1/2, z+1/2']

describe('symmetry', () => {
  test('fluorite from one Ca, one F and the operations of a face-centred group has 4 Ca and 8 F', () => {
    const signs = ['x,y,z', '-x,-y,z', '-x,y,-z', 'x,-y,-z', '-x,-y,-z', 'x,y,-z', 'x,-y,z', '-x,y,z']
    const shifts = [
      ['', '', ''],
      ['', '+1/2', '+1/2'],
      ['+.5', '', '+0.5'],
      ['+1/2', '+1/2', ''],
    ]
    const operations = signs.flatMap((sign) =>
      shifts.map((shift) =>
        sign
          .split(',')
          .map((axis, i) => axis + shift[i])
          .join(', '),
      ),
    )
    const [{ structure }] = parseCif(cubicCif(operations, ['Ca1 0 0 0 1', 'F1 0.25 0.25 0.25 1']))
    expect(reducedFormula(compositionOf(structure.species))).toBe('CaF2')
    expect(structure.species.length).toBe(12)
    const quarters = [0.25, 0.75].flatMap((x) =>
      [0.25, 0.75].flatMap((y) => [0.25, 0.75].map((z) => `F ${x} ${y} ${z}`)),
    )
    const corners = ['Ca 0 0 0', 'Ca 0 0.5 0.5', 'Ca 0.5 0 0.5', 'Ca 0.5 0.5 0']
    expect(siteSet(structure)).toEqual([...corners, ...quarters].sort())
  })

  test('a special position given to four digits is one atom, put exactly on it', () => {
    const trigonal = ['x,y,z', '-y,x-y,z', '-x+y,-x,z']
    const cif = cubicCif(trigonal, ['Cd1 0.3333 0.6667 0.25 1'])
      .replace('_cell_angle_gamma 90', '_cell_angle_gamma 120')
      .replace('5.0(1)', '5.0')
    const [{ structure }] = parseCif(cif)
    expect(structure.species.length).toBe(1)
    expect(structure.fracCoords[0]).toBeCloseTo(1 / 3, 12)
    expect(structure.fracCoords[1]).toBeCloseTo(2 / 3, 12)
    expect(structure.fracCoords[2]).toBe(0.25)
  })

  test('atoms listed although symmetry gives them are not doubled', () => {
    const [{ structure }] = parseCif(cubicCif(I_CENTRED, ['Cs1 0 0 0 1', 'Cs2 0.5 0.5 0.5 1', 'O1 0.5 0 0 1']))
    expect(siteSet(structure)).toEqual(['Cs 0 0 0', 'Cs 0.5 0.5 0.5', 'O 0 0.5 0.5', 'O 0.5 0 0'])
  })

  test('the same position listed twice, or given to another element by symmetry, is refused', () => {
    const coincident = expect.objectContaining({ code: 'coincident_sites' })
    expect(() => parseCif(cubicCif(['x,y,z'], ['Na1 0 0 0 1', 'Na2 0 1 0.001 1']))).toThrow(coincident)
    expect(() => parseCif(cubicCif(I_CENTRED, ['Na1 0 0 0 1', 'K1 0.5 0.5 0.5 1']))).toThrow(coincident)
  })

  test.each([
    ['x,y,z', [0.1, 0.2, 0.3]],
    ['-X+1/2, Y - 0.5, z+.3333', [0.4, -0.3, 0.3 + 1 / 3]],
    ['1/2+x,2/3-y,z-1/4', [0.6, 2 / 3 - 0.2, 0.05]],
    [' x-y , x, -z', [-0.1, 0.1, -0.3]],
    ['2*x/1,y,z', null],
    ['x,y', null],
    ['x,y,w', null],
    ['x,x,z', null],
    ['x y,y,z', null],
    ['x,,z', null],
  ])('the operation %j', (operation, image) => {
    const cif = cubicCif(['x,y,z', operation], ['O1 0.1 0.2 0.3 1'])
    if (image === null) {
      expect(() => parseCif(cif)).toThrow(expect.objectContaining({ code: 'unparsable' }))
      return
    }
    const { fracCoords } = parseCif(cif)[0].structure
    Array.from(fracCoords.slice(-3)).forEach((x, axis) => expect(x).toBeCloseTo(image[axis], 10))
  })

  test('a group without operations is refused unless it is P 1', () => {
    const bare = cubicCif([], ['O1 0 0 0 1']).replace(/loop_\n_symmetry_equiv_pos_as_xyz\n/, '')
    expect(parseCif(bare)[0].structure.species.length).toBe(1)
    const named = (line: string) => bare.replace('_cell_length_a', `${line}\n_cell_length_a`)
    expect(parseCif(named("_symmetry_space_group_name_H-M 'P 1'"))[0].structure.species.length).toBe(1)
    const refused = expect.objectContaining({ code: 'unparsable', field: '_space_group_symop_operation_xyz' })
    expect(() => parseCif(named("_symmetry_space_group_name_H-M 'F m -3 m'"))).toThrow(refused)
    expect(() => parseCif(named('_space_group_IT_number 225'))).toThrow(refused)
  })
})

describe('sites', () => {
  test.each([
    ['Fe3+', 'Fe'],
    ['FE1', 'Fe'],
    ['O2-', 'O'],
    ['O-2', 'O'],
    ['Na(1)', 'Na'],
    ['Ow1', 'O'],
    ['Hw', 'H'],
    ['D', 'H'],
    ['D3', 'H'],
    ['T1', 'H'],
    ['Dy2', 'Dy'],
    ['Te', 'Te'],
    ['cl1', 'Cl'],
    ["O1'", 'O'],
  ])('the label %s is %s', (label, symbol) => {
    const { species } = parseCif(cubicCif(['x,y,z'], [`${label} 0 0 0 1`]))[0].structure
    expect(symbolsOf(species)).toEqual([symbol])
  })

  test('two capitals are read by the formula where there is one', () => {
    const labels = (formula: string) =>
      symbolsOf(parseCif(cubicCif(['x,y,z'], ['CA1 0 0 0 1'], formula))[0].structure.species)
    expect(labels('')).toEqual(['Ca'])
    expect(labels("_chemical_formula_sum 'C1'")).toEqual(['C'])
    expect(labels("_chemical_formula_sum 'Ca1 C2'")).toEqual(['Ca'])
  })

  test.each([
    ['half a site', 'Fe1 0 0 0 0.5', 'partial_occupancy'],
    ['half a site with its uncertainty', 'Fe1 0 0 0 0.500(3)', 'partial_occupancy'],
    ['no coordinate', 'Fe1 ? 0 0 1', 'unparsable'],
    ['a word for a coordinate', 'Fe1 half 0 0 1', 'unparsable'],
    ['argon, which is not in the set', 'Ar1 0 0 0 1', 'unknown_element'],
    ['a vacancy', 'Vac 0 0 0 1', 'unknown_element'],
    ['a number for a label', '1 0 0 0 1', 'unparsable'],
  ])('%s is refused', (_, site, code) => {
    expect(() => parseCif(cubicCif(['x,y,z'], [site]))).toThrow(expect.objectContaining({ code }))
  })

  test('numbers with an uncertainty, unknown occupancies and signs are read', () => {
    const sites = ['Fe1 0.333(2) -.25 +1.5e-1(1) ?', 'O1 0.5 0.50 0.7500(10) .']
    const { fracCoords } = parseCif(cubicCif(['x,y,z'], sites))[0].structure
    expect(rounded(fracCoords)).toEqual([0.333, -0.25, 0.15, 0.5, 0.5, 0.75])
  })

  test('hydrogens without positions are refused', () => {
    const cif = `data_a _cell_length_a 3 _cell_length_b 3 _cell_length_c 3
      loop_ _atom_site_label _atom_site_fract_x _atom_site_fract_y _atom_site_fract_z _atom_site_attached_hydrogens
      O1 0 0 0 2`
    expect(() => parseCif(cif)).toThrow(/attached hydrogens/)
  })
})

describe('cell', () => {
  test.each([
    ['_cell_length_a 5.0', '_cell_length_a ?', 'unparsable'],
    ['_cell_length_a 5.0', '', 'unparsable'],
    ['_cell_length_a 5.0', '_cell_length_a 0', 'no_volume'],
    ['_cell_angle_alpha 90', '_cell_angle_alpha 180', 'no_volume'],
    ['_cell_angle_alpha 90', '_cell_angle_alpha 0', 'no_volume'],
  ])('%s turned into %j is refused', (from, to, code) => {
    const cif = cubicCif(['x,y,z'], ['O1 0 0 0 1']).replace(from, to)
    expect(() => parseCif(cif)).toThrow(expect.objectContaining({ code }))
  })

  test('angles left out are right ones; lengths and angles come back from the lattice', () => {
    const cif = cubicCif(['x,y,z'], ['O1 0 0 0 1']).replace(/_cell_angle.*\n/g, '')
    cellParameters(parseCif(cif)[0].structure.lattice).forEach((value, i) =>
      expect(value).toBeCloseTo(i < 3 ? 5 : 90, 9),
    )
    const triclinic = cubicCif(['x,y,z'], ['O1 0 0 0 1'])
      .replace('alpha 90', 'alpha 71.5(2)')
      .replace('beta 90.00', 'beta 102.25')
      .replace('gamma 90', 'gamma 88')
    const parameters = cellParameters(parseCif(triclinic)[0].structure.lattice)
    const expected = [5, 5, 5, 71.5, 102.25, 88]
    parameters.forEach((value, i) => expect(value).toBeCloseTo(expected[i], 9))
  })
})

describe('syntax', () => {
  test('quotes, text fields, comments, loops in any order, several blocks and dotted tags are read', () => {
    const text = `# made by hand
data_global
_publ_author 'O'Neil, P.'  # a quote inside a word
_note
;first
 'second' # not a comment
;
DATA_Rutile
LOOP_
_atom_site.fract_z _atom_site.label _atom_site.fract_x
_atom_site.fract_y _atom_site.type_symbol
0 "Metal atom" 0 0 Ti4+ 0 'O' 0.305(1)
0.305 O2-
_Cell.Length_A 4.594 _cell.length_b 4.594
_cell.length_c 2.959
_space_group.IT_number 136
loop_ _space_group_symop.id _space_group_symop.operation_xyz
1 x,y,z 2 -x,-y,z 3 1/2-y,1/2+x,z+1/2 4 'y+1/2, -x+1/2, z+1/2'
_unknown ? _inapplicable . _quoted '?'
`
    const blocks = parseCifSyntax(text)
    expect(blocks.map(({ name, line }) => [name, line])).toEqual([
      ['global', 2],
      ['Rutile', 8],
    ])
    expect(blocks.map(hasAtoms)).toEqual([false, true])
    expect(blocks[0].columns.get('_publ_author')).toEqual(["O'Neil, P."])
    expect(blocks[0].columns.get('_note')).toEqual(["first\n 'second' # not a comment"])
    expect(blocks[1].columns.get('_unknown')).toEqual([null])
    expect(blocks[1].columns.get('_inapplicable')).toEqual([null])
    expect(blocks[1].columns.get('_quoted')).toEqual(['?'])

    const [rutile] = parseCif(text)
    expect(rutile.id).toBe('Rutile')
    expect(rutile.spaceGroup).toBe(136)
    expect(siteSet(rutile.structure)).toEqual([
      'O 0.195 0.805 0.5',
      'O 0.305 0.305 0',
      'O 0.695 0.695 0',
      'O 0.805 0.195 0.5',
      'Ti 0 0 0',
      'Ti 0.5 0.5 0.5',
    ])
    expect(crystalFromCif(blocks[1])).toEqual(rutile)
    expect(parseCif(text.replaceAll('\n', '\r\n'))).toEqual([rutile])
  })

  test.each([
    ["data_a\n_note 'never closed", /line 2/],
    ['data_a\n_note\n;never closed\n', /line 3/],
    ['data_a\nloop_ _x _y\n1 2 3\n', /3 values for 2 tags/],
    ['data_a\n_x 1\n_X 2\n', /twice/],
    ['data_a\n_x\n_y 2\n', /_x has no value/],
    ['_x 1\n', /before the first data_/],
    ['data_a\nstray\n', /stray/],
    ['data_a\nloop_\n', /without tags/],
    ['data_a\n_x 1\n', /no atoms/],
    ['', /no atoms/],
  ])('%j is refused, saying where', (text, message) => {
    expect(() => parseCif(text)).toThrow(message)
  })

  test('any text gives crystals or a CrystalError', () => {
    const whole = cubicCif(I_CENTRED, ['Cs1 0 0 0 1', 'Cl1 0.25 0.5 0.5 1'])
    fc.assert(
      fc.property(fc.nat(whole.length), fc.nat(30), fc.string({ maxLength: 6 }), (start, length, inserted) => {
        const damaged = whole.slice(0, start) + inserted + whole.slice(start + length)
        try {
          expect(parseCif(damaged).length).toBeGreaterThan(0)
        } catch (error) {
          expect((error as Error).name).toBe('CrystalError')
        }
      }),
      { numRuns: 1000, seed: 3 },
    )
  })
})
