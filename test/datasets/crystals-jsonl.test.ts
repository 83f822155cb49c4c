import { gunzipSync } from 'node:zlib'
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, expect, test } from 'vitest'
import {
  type Crystal,
  MIN_DISTANCE_ANGSTROM,
  checkSkeleton,
  crystalRecord,
  parseCrystal,
  readCrystals,
  writeCrystals,
} from '@unitcell/datasets'

const folder = mkdtempSync(join(tmpdir(), 'unitcell-crystals-'))
afterAll(() => rmSync(folder, { recursive: true }))

const rockSalt = {
  id: 'salt',
  lattice: [
    [0, 2.82, 2.82],
    [2.82, 0, 2.82],
    [2.82, 2.82, 0],
  ],
  frac_coords: [
    [0, 0, 0],
    [0.5, 0.5, 0.5],
  ],
  species: ['Na', 'Cl'],
}

test('a line gives structure, labels, space group, and keeps every other field', () => {
  const line = { ...rockSalt, space_group: 225, band_gap_ev: 5.1, total_energy_ry: null, note: { a: [1] }, row: 3 }
  const crystal = parseCrystal(JSON.stringify(line))
  expect(crystal).toEqual({
    id: 'salt',
    structure: {
      lattice: Float64Array.of(0, 2.82, 2.82, 2.82, 0, 2.82, 2.82, 2.82, 0),
      fracCoords: Float64Array.of(0, 0, 0, 0.5, 0.5, 0.5),
      species: Uint8Array.of(10, 16),
    },
    spaceGroup: 225,
    labels: { bandGapEv: 5.1, totalEnergyRy: null, formationEnergyEvPerAtom: null },
    extra: { note: { a: [1] }, row: 3 },
  })
  expect(parseCrystal(line)).toEqual(crystal)
  expect(parseCrystal(crystalRecord(crystal))).toEqual(crystal)
})

const coincident = [
  [0, 0, 0],
  [0.999, 0.01, 0.995],
]
const flat = [
  [1, 0, 0],
  [0, 1, 0],
  [1, 1, 0],
]

test.each([
  ['not JSON', '{"id":', 'unparsable', null],
  ['a list', '[1]', 'unparsable', null],
  ['no lattice', { ...rockSalt, lattice: undefined }, 'unparsable', 'lattice'],
  ['two cell vectors', { ...rockSalt, lattice: rockSalt.lattice.slice(1) }, 'unparsable', 'lattice'],
  ['a text in the lattice', { ...rockSalt, lattice: [[1, 2, '3'], [], []] }, 'unparsable', 'lattice[0]'],
  ['an infinite coordinate', { ...rockSalt, frac_coords: [[0, 0, Infinity]] }, 'unparsable', 'frac_coords[0]'],
  ['two numbers for a site', { ...rockSalt, frac_coords: [[0, 0]] }, 'unparsable', 'frac_coords[0]'],
  ['one symbol for two sites', { ...rockSalt, species: ['Na'] }, 'unparsable', 'species'],
  ['no species', { ...rockSalt, species: undefined }, 'unparsable', 'species'],
  ['an element outside the set', { ...rockSalt, species: ['Na', 'At'] }, 'unknown_element', 'species[1]'],
  ['a mixed site', { ...rockSalt, species: ['Na', { Cl: 0.5, Br: 0.5 }] }, 'partial_occupancy', 'species[1]'],
  ['no sites', { ...rockSalt, frac_coords: [], species: [] }, 'no_sites', 'frac_coords'],
  ['a flat cell', { ...rockSalt, lattice: flat }, 'no_volume', 'lattice'],
  ['one atom listed twice across the cell wall', { ...rockSalt, frac_coords: coincident }, 'coincident_sites', null],
  ['space group 231', { ...rockSalt, space_group: 231 }, 'unparsable', 'space_group'],
  ['a gap in words', { ...rockSalt, band_gap_ev: '5.1' }, 'unparsable', 'band_gap_ev'],
  ['no id', { ...rockSalt, id: undefined }, 'unparsable', 'id'],
])('%s is refused', (_, line, code, field) => {
  const error = expect.objectContaining({ code, ...(field !== null && { field }) })
  expect(() => parseCrystal(line)).toThrow(error)
})

test('more sites than the limit are refused', () => {
  expect(parseCrystal(rockSalt, { maxSites: 2 }).id).toBe('salt')
  expect(() => parseCrystal(rockSalt, { maxSites: 1 })).toThrow(expect.objectContaining({ code: 'too_many_sites' }))
})

test('a field named __proto__ is kept as data', () => {
  const crystal = parseCrystal(JSON.stringify(rockSalt).replace('{', '{"__proto__": {"polluted": 1}, '))
  expect(Object.hasOwn(crystal.extra, '__proto__')).toBe(true)
  expect((crystal.extra as { polluted?: unknown }).polluted).toBeUndefined()
})

test('coincidence is found through any image of any cell, however skewed, and nothing else is refused', () => {
  const three = (values: fc.Arbitrary<number>) => fc.tuple(values, values, values)
  const edges = three(fc.double({ min: 3, max: 6, noNaN: true }))
  const lean = three(fc.double({ min: -1, max: 1, noNaN: true }))
  const multiple = (limit: number) => fc.integer({ min: -limit, max: limit })
  const skew = fc.tuple(multiple(3), multiple(12), multiple(12))
  const site = three(fc.double({ min: -1.5, max: 1.5, noNaN: true }))
  const image = three(fc.integer({ min: -2, max: 2 }))
  const distances = fc.double({ min: 0, max: 0.2, noNaN: true })
  let refused = 0
  fc.assert(
    fc.property(edges, lean, skew, site, image, distances, (edge, [p, q, r], [k, l, m], position, shift, distance) => {
      fc.pre(Math.abs(distance - MIN_DISTANCE_ANGSTROM) > 1e-6)
      // A compact cell a, b, c, and the same lattice as a, b + k a, c + l a + m b.
      const a = [edge[0], 0, 0]
      const b = [p, edge[1], 0].map((x, i) => x + k * a[i])
      const c = [q, r, edge[2]].map((x, i) => x + l * a[i] + m * b[i])
      const lattice = Float64Array.of(...a, ...b, ...c)
      // The second site lies `distance` along the compact cell's c from an image of the first: in the skewed cell a
      // step of many fractional units.
      const step = distance / Math.hypot(q, r, edge[2])
      const other = [-l * step, -m * step, step].map((x, axis) => position[axis] + shift[axis] + x)
      const check = () => checkSkeleton({ lattice, fracCoords: Float64Array.of(...position, ...other) })
      if (distance < MIN_DISTANCE_ANGSTROM) {
        refused++
        expect(check).toThrow(expect.objectContaining({ code: 'coincident_sites' }))
      } else {
        expect(check).not.toThrow()
      }
    }),
    { numRuns: 500, seed: 5 },
  )
  expect(refused).toBeGreaterThan(100)
})

test('a cell vector shorter than the closest distance makes every site coincide with its image', () => {
  const lattice = Float64Array.of(0.05, 0, 0, 0, 10, 0, 0, 0, 10)
  const skeleton = { lattice, fracCoords: Float64Array.of(0, 0, 0) }
  expect(() => checkSkeleton(skeleton)).toThrow(expect.objectContaining({ code: 'coincident_sites', field: 'lattice' }))
})

test.each(['crystals.jsonl', 'crystals.jsonl.gz'])('%s written is read back the same', async (name) => {
  const crystals = [
    parseCrystal({ ...rockSalt, space_group: 225, formation_energy_ev_per_atom: -2.1, source: 'here' }),
    parseCrystal({ ...rockSalt, id: 'other', species: ['K', 'Br'], band_gap_ev: 1 / 3 }),
  ]
  const file = join(folder, name)
  await writeCrystals(file, crystals)
  const read: Crystal[] = []
  for await (const row of readCrystals(file)) if ('crystal' in row) read.push(row.crystal)
  expect(read).toEqual(crystals)
  expect(readdirSync(folder).filter((entry) => entry.endsWith('.tmp'))).toEqual([])
  if (name.endsWith('.gz')) expect(gunzipSync(readFileSync(file)).toString()).toMatch(/^\{.*\}\n\{.*\}\n$/)
})
