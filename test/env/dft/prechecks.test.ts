import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { UNFILLED } from '@unitcell/datasets'
import { structureFailure } from '@unitcell/env'
import { diamond, fcc, rocksalt, structure } from './fixtures.js'

describe('structures without a calculation', () => {
  test('textbook crystals pass', () => {
    expect(structureFailure(rocksalt(4.21, 'Mg', 'O'))).toBeNull()
    expect(structureFailure(diamond(5.43, 'Si'))).toBeNull()
    expect(structureFailure(structure(fcc(4.2), [[0, 0, 0]], ['H']))).toBeNull()
  })

  test('sites, numbers and elements are checked', () => {
    const crystal = rocksalt(4.21, 'Mg', 'O')
    const code = (changes: object) => structureFailure({ ...crystal, ...changes })?.code
    expect(code({ species: Uint8Array.of(0, UNFILLED) })).toBe('unfilled_site')
    expect(code({ species: Uint8Array.of(0, 200) })).toBe('bad_structure')
    expect(code({ species: Uint8Array.of(0) })).toBe('bad_structure')
    expect(code({ fracCoords: Float64Array.of(0, 0, 0, NaN, 0, 0) })).toBe('bad_structure')
    expect(code({ fracCoords: new Float64Array(0), species: new Uint8Array(0) })).toBe('bad_structure')
    expect(code({ lattice: Float64Array.of(1, 0, 0, 0, 1, 0, 1, 1, 0) })).toBe('degenerate_cell')
    expect(code({ lattice: Float64Array.of(1e9, 0, 0, 1e9, 1e-9, 0, 0, 0, 10) })).toBe('degenerate_cell')
  })

  test('eleven different elements are too many for pw.x', () => {
    const sites = Array.from({ length: 11 }, (_, i) => [i / 11, 0, 0])
    const lattice = [[33, 0, 0], [0, 4, 0], [0, 0, 4]] // prettier-ignore
    const symbols = ['H', 'Li', 'Be', 'B', 'C', 'N', 'O', 'F', 'Na', 'Mg', 'Al']
    expect(structureFailure(structure(lattice, sites, symbols))?.code).toBe('too_many_elements')
    expect(structureFailure(structure(lattice, sites, [...symbols.slice(0, 10), 'H']))).toBeNull()
  })

  test('atoms are too close across a cell face, and to their own image', () => {
    const cube = [[4, 0, 0], [0, 4, 0], [0, 0, 4]] // prettier-ignore
    const across = structure(cube, [[0.02, 0, 0], [0.95, 0, 0]], ['Si', 'C']) // prettier-ignore
    expect(structureFailure(across)).toMatchObject({ code: 'atoms_too_close', deterministic: true })
    const flat = structure([[0.4, 0, 0], [0, 9, 0], [0, 0, 9]], [[0, 0, 0]], ['Si']) // prettier-ignore
    expect(structureFailure(flat)?.message).toMatch(/its own image are 0\.400 angstrom/)
  })

  test('the distance found is that of a brute search, in any cell and by any image', () => {
    const hundredths = (from: number, to: number) => fc.integer({ min: 100 * from, max: 100 * to }).map((n) => n / 100)
    const [long, slant, coordinate] = [hundredths(0.45, 3), hundredths(-1, 1), hundredths(-2, 2)]
    const cell = fc.tuple(long, slant, long, slant, slant, long)
    const point = fc.tuple(coordinate, coordinate, coordinate)
    fc.assert(
      fc.property(cell, point, point, ([a1, b1, b2, c1, c2, c3], p, q) => {
        const lattice = [[a1, 0, 0], [b1, b2, 0], [c1, c2, c3]] // prettier-ignore
        const failure = structureFailure(structure(lattice, [p, q], ['Si', 'C']))
        let nearest = Infinity
        const range = Array.from({ length: 33 }, (_, i) => i - 16)
        for (const a of range) {
          for (const b of range) {
            for (const c of range) {
              const length = ([u, v, w]: number[]) =>
                Math.hypot(...[0, 1, 2].map((i) => u * lattice[0][i] + v * lattice[1][i] + w * lattice[2][i]))
              if (a || b || c) nearest = Math.min(nearest, length([a, b, c]))
              nearest = Math.min(nearest, length([q[0] - p[0] + a, q[1] - p[1] + b, q[2] - p[2] + c]))
            }
          }
        }
        fc.pre(Math.abs(nearest - 0.5) > 1e-9)
        expect(failure?.code).toBe(nearest < 0.5 ? 'atoms_too_close' : undefined)
      }),
      { numRuns: 60, seed: 3 },
    )
  })
})
