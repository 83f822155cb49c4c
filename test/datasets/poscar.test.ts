import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { cellVolume, CrystalError, parsePoscar, poscarText, SYMBOLS } from '@unitcell/datasets'
import { fixture, sources, symbolsOf } from './fixture-files.js'
import { anyLattice } from './skeletons.js'

const poscar = (name: string) => parsePoscar(readFileSync(fixture(name), 'utf8'))

/** Lines of a rock-salt POSCAR, VASP 5; edits replace lines by number. */
function salt(edits: Record<number, string> = {}): string {
  const lines = ['salt', '5.64', '0 .5 .5', '.5 0 .5', '.5 .5 0', 'Na Cl', '1 1', 'Direct', '0 0 0', '.5 .5 .5']
  return lines.map((line, k) => edits[k + 1] ?? line).join('\n')
}

function errorOf(text: string): CrystalError {
  try {
    parsePoscar(text)
  } catch (error) {
    if (error instanceof CrystalError) return error
  }
  throw new Error('the POSCAR was accepted')
}

describe('a POSCAR', () => {
  test.each([
    ['pymatgen-tio2.vasp', 'reference-tio2-rutile'],
    ['pymatgen-tio2-selective.vasp', 'reference-tio2-rutile'],
    ['pymatgen-tio2-vasp4.vasp', 'reference-tio2-rutile'],
    ['ase-zno-cartesian.vasp', 'reference-zno-wurtzite'],
    ['ase-zno-vasp4.vasp', 'reference-zno-wurtzite'],
  ])('%s is read as the crystal it was written from', (name, id) => {
    const { lattice, frac_coords, species } = sources.get(id)!
    const structure = poscar(name)
    expect(symbolsOf(structure)).toEqual(species)
    lattice.flat().forEach((x, i) => expect(structure.lattice[i]).toBeCloseTo(x, 8))
    frac_coords.flat().forEach((x, i) => {
      const difference = structure.fracCoords[i] - x
      expect(difference - Math.round(difference)).toBeCloseTo(0, 8)
    })
  })

  test('written by this project is read back', () => {
    fc.assert(
      fc.property(
        anyLattice,
        fc.array(fc.integer({ min: 0, max: 87 }), { minLength: 1, maxLength: 4 }),
        (lattice, all) => {
          const species = Uint8Array.from(all)
          // Along the diagonal, a step apart: no two sites coincide in cells of this size.
          const fracCoords = Float64Array.from({ length: 3 * all.length }, (_, i) => Math.floor(i / 3) / all.length)
          const structure = parsePoscar(poscarText({ lattice, fracCoords, species }, 'any'))
          expect(symbolsOf(structure).sort()).toEqual(all.map((element) => SYMBOLS[element]).sort())
          lattice.forEach((x, i) => expect(structure.lattice[i]).toBeCloseTo(x, 7))
        },
      ),
      { numRuns: 50 },
    )
  })

  test('has a scale, a volume if that is negative, or a scale for each axis; Cartesian positions are scaled too', () => {
    const direct = parsePoscar(salt())
    expect(cellVolume(direct.lattice)).toBeCloseTo(5.64 ** 3 / 4, 8)
    expect(cellVolume(parsePoscar(salt({ 2: '-44.0' })).lattice)).toBeCloseTo(44, 8)
    expect([...parsePoscar(salt({ 2: '5.64 5.64 6' })).lattice].slice(0, 3)).toEqual([0, 2.82, 3])
    for (const scale of ['5.64', '-44.8515', '5.64 5.64 5.64']) {
      const cartesian = parsePoscar(salt({ 2: scale, 8: 'Cartesian', 10: '.5 .5 .5' }))
      expect([...cartesian.fracCoords].slice(3).map((x) => Number(x.toFixed(9)))).toEqual([0.5, 0.5, 0.5])
    }
  })

  test('is read with Fortran exponents, DOS line ends, VASP 6 names, flags, and what follows the positions', () => {
    const plain = parsePoscar(salt())
    const variants = [
      salt({ 9: '0.0d0 0.D+00 -0.0', 10: '5.0D-1 .5 .5' }),
      salt().replaceAll('\n', '\r\n'),
      salt({ 6: 'Na_pv Cl/4a5b' }),
      salt({ 8: 'Selective dynamics\nDirect', 9: '0 0 0 T F T', 10: '.5 .5 .5 F F F' }),
      `${salt()}\n\n0 0 0\n0 0 0\n`,
      salt({ 9: '0 0 0 Na', 10: '.5 .5 .5 Cl ! comment' }),
    ]
    for (const variant of variants) expect(parsePoscar(variant)).toEqual(plain)
  })

  test('of VASP 4 takes its elements from the positions, else from the comment, else is refused', () => {
    const four = (edits: Record<number, string>) =>
      salt({ 6: '1 1', 7: 'Direct', 8: '0 0 0', 9: '.5 .5 .5', 10: '', ...edits })
    expect(symbolsOf(parsePoscar(four({ 1: 'Na Cl' })))).toEqual(['Na', 'Cl'])
    expect(symbolsOf(parsePoscar(four({ 1: 'Na1 Cl1' })))).toEqual(['Na', 'Cl'])
    expect(symbolsOf(parsePoscar(four({ 1: 'K Br', 8: '0 0 0 Na', 9: '.5 .5 .5 Cl' })))).toEqual(['Na', 'Cl'])
    for (const comment of ['rock salt', 'Na2 Cl1', 'Na', 'NaCl', '']) {
      expect(errorOf(four({ 1: comment })).message).toMatch(
        /^POSCAR line 6: this VASP 4 file names no elements.*\(.+\)$/,
      )
    }
  })

  test.each([
    [{ 2: 'big' }, /line 2: .*scale/],
    [{ 2: '0' }, /line 2: .*scale/],
    [{ 2: '1 -1 1' }, /line 2: .*scale/],
    [{ 4: '.5 0' }, /line 4: a cell vector/],
    [{ 4: '.5 0 x' }, /line 4: a cell vector holds "x"/],
    [{ 7: '1' }, /line 7: 2 elements have 1/],
    [{ 7: '1 many' }, /line 7: the numbers of atoms/],
    [{ 7: '1 900' }, /line 7: 901 atoms/],
    [{ 8: '0 0 0' }, /line 8: the kind of coordinates/],
    [{ 10: '' }, /line 10: the position of atom 2 of 2/],
    [{ 10: '.5 .5 nan' }, /line 10: .*"nan"/],
  ] as [Record<number, string>, RegExp][])('broken as %o is refused by line', (edits, message) => {
    const error = errorOf(salt(edits))
    expect(error.code).toBe('unparsable')
    expect(error.message).toMatch(message)
  })

  test.each([
    ['no_volume', salt({ 5: '.5 .5 1' })],
    ['coincident_sites', salt({ 10: '0 0 1' })],
    ['unknown_element', salt({ 6: 'Na Ar' })],
  ] as const)('is refused as %s like every crystal', (code, text) => expect(errorOf(text).code).toBe(code))
})
