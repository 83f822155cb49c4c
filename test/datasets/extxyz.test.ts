import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { extxyzRows, fracToCartesian, SYMBOLS, type CrystalRow } from '@unitcell/datasets'
import { fixture, sources, symbolsOf } from './fixture-files.js'
import { anyLattice } from './skeletons.js'

const rowsOf = (text: string) => [...extxyzRows(text, { stem: 'file' })]

const crystalOf = (row: CrystalRow) => {
  if ('error' in row) throw row.error
  return row.crystal
}

const cell = 'Lattice="5 0 0 0 5 0 0 0 5"'
const frame = (comment = cell, atoms = ['Na 0 0 0', 'Cl 2.5 2.5 2.5']) =>
  [String(atoms.length), comment, ...atoms].join('\n')

describe('extended XYZ', () => {
  test('frames that ASE wrote are the crystals they were written from, with names, labels and other keys', () => {
    const rows = rowsOf(readFileSync(fixture('ase-frames.extxyz'), 'utf8'))
    expect(rows.length).toBe(sources.size)
    const crystals = rows.map(crystalOf)
    expect(crystals.map(({ id }) => id)).toEqual([...sources.keys()])
    let line = 1
    for (const [k, { id, structure, labels, extra }] of crystals.entries()) {
      const source = sources.get(id)!
      expect(rows[k].line).toBe(line)
      line += 2 + source.species.length
      expect(symbolsOf(structure)).toEqual(source.species)
      source.lattice.flat().forEach((x, i) => expect(structure.lattice[i]).toBeCloseTo(x, 8))
      source.frac_coords.flat().forEach((x, i) => {
        const difference = structure.fracCoords[i] - x
        expect(difference - Math.round(difference)).toBeCloseTo(0, 7)
      })
      expect(labels).toEqual({
        totalEnergyRy: source.total_energy_ry,
        bandGapEv: source.band_gap_ev,
        formationEnergyEvPerAtom: null,
      })
      expect(extra).toEqual({ note: 'a "quoted" note', converged: true, steps: 7 })
    }
  })

  test('any crystal written as a frame is read back', () => {
    const elements = fc.array(fc.integer({ min: 0, max: 87 }), { minLength: 1, maxLength: 4 })
    fc.assert(
      fc.property(anyLattice, elements, fc.constantFrom('"', "'"), (lattice, all, quote) => {
        const fracCoords = Float64Array.from({ length: 3 * all.length }, (_, i) => Math.floor(i / 3) / all.length)
        const cartesian = fracToCartesian(fracCoords, lattice)
        const atoms = all.map((element, i) => `7 ${SYMBOLS[element]} ${cartesian.slice(3 * i, 3 * i + 3).join(' ')}`)
        const comment = `pbc=${quote}T T T${quote} Properties=tag:I:1:species:S:1:pos:R:3 Lattice=${quote}${lattice.join(' ')}${quote}`
        const { structure } = crystalOf(rowsOf(frame(comment, atoms))[0])
        expect(structure.species).toEqual(Uint8Array.from(all))
        expect(structure.lattice).toEqual(lattice.map((x) => x + 0))
        fracCoords.forEach((x, i) => expect(structure.fracCoords[i]).toBeCloseTo(x, 9))
      }),
      { numRuns: 50 },
    )
  })

  test('a bad frame is an error in its place; the frames around it are read', () => {
    const rows = rowsOf(
      [frame(), '', frame('a molecule'), frame(cell, ['Xx 0 0 0']), frame(`${cell} name=last`)].join('\n'),
    )
    expect(rows.map((row) => ('crystal' in row ? row.crystal.id : row.error.code))).toEqual([
      'file-1',
      'unparsable',
      'unknown_element',
      'last',
    ])
    expect(rows.map(({ line }) => line)).toEqual([1, 6, 10, 13])
  })

  test('a number of atoms that is none ends the reading, and says so', () => {
    const rows = rowsOf(`${frame()}\nmany\n${frame()}`)
    expect(rows.length).toBe(2)
    expect('error' in rows[1] && rows[1].error.message).toMatch(/^extended XYZ line 5: "many" .*from here on \(.+\)$/)
    const short = rowsOf(`3\n${cell}\nNa 0 0 0`)
    expect('error' in short[0] && short[0].error.message).toMatch(/line 1: the frame ends before its 3 atoms/)
  })

  test.each([
    ['', ['Na 0 0 0'], /line 2: the frame has no Lattice/],
    ['Lattice="1 2 3"', ['Na 0 0 0'], /line 2: Lattice holds 3 numbers/],
    ['Lattice="5 0 0 0 5 0 0 0 x"', ['Na 0 0 0'], /line 2: Lattice holds "x"/],
    [`${cell} pbc="T T F"`, ['Na 0 0 0'], /line 2: pbc is "T T F"/],
    [`${cell} Properties=species:S:1`, ['Na 0 0 0'], /line 2: Properties is/],
    [`${cell} Properties=species:S:1:pos:R`, ['Na 0 0 0'], /line 2: Properties is/],
    [cell, ['Na 0 0'], /line 3: the atom has 3 columns/],
    [cell, ['Na 0 0 0', 'Cl 0 y 0'], /line 4: a position holds "y"/],
    [`${cell} band_gap_ev=wide`, ['Na 0 0 0'], /line 2: band_gap_ev holds "wide"/],
  ])('with %j and %j is refused by line', (comment, atoms, message) => {
    const [row] = rowsOf(frame(comment, atoms))
    expect('error' in row && row.error.code).toBe('unparsable')
    expect('error' in row && row.error.message).toMatch(message)
  })
})
