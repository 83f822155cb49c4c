import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import fc from 'fast-check'
import { elementIndex, type Lattice, type Skeleton, type Structure } from '@unitcell/datasets'
import { shared } from '../shared.js'

/** A line of shared/reference/crystalnn-*.jsonl.gz; the prototypes carry only the fields up to `voronoi`. */
export interface ReferenceCrystal {
  key: string | number
  lattice: number[][]
  frac: number[][]
  species: string[]
  edges: [number, number, number[]][]
  voronoi: [number, number[], number][][]
  dist: number[]
  params: number[]
  bfs_sorted: number[][]
  connected: boolean
  sg_true: number
  sg_dummy: number
}

export function readReference(name: 'nonmetals' | 'prototypes'): ReferenceCrystal[] {
  const text = gunzipSync(readFileSync(shared(`reference/crystalnn-${name}.jsonl.gz`))).toString()
  return text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
}

/** The built-in crystals, which every clone has. */
export function readBuiltIn(): Structure[] {
  const text = readFileSync(new URL('../../datasets/reference/sssp/crystals.jsonl', import.meta.url), 'utf8')
  return text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
    .map(({ lattice, frac_coords, species }) => toStructure({ lattice, frac: frac_coords, species }))
}

export function toStructure(row: { lattice: number[][]; frac: number[][]; species: string[] }): Structure {
  return {
    lattice: Float64Array.from(row.lattice.flat()),
    fracCoords: Float64Array.from(row.frac.flat()),
    species: Uint8Array.from(row.species, (symbol) => elementIndex(symbol)!),
  }
}

/** The same cases in every run, so that a failure can be run again; another seed looks further. */
fc.configureGlobal({ seed: Number(process.env['FC_SEED'] ?? 1976) })

const coordinate = fc.integer({ min: -200, max: 300 }).map((n) => n / 137)

/** Cells of 2 to 10 angstrom, of either hand, none flat. */
export const anyLattice: fc.Arbitrary<Lattice> = fc
  .tuple(
    fc.array(fc.double({ min: 2, max: 10, noNaN: true }), { minLength: 3, maxLength: 3 }),
    fc.array(fc.double({ min: -1.5, max: 1.5, noNaN: true }), { minLength: 6, maxLength: 6 }),
    fc.boolean(),
  )
  .map(([[a, b, c], [p, q, r, s, t, u], isLeftHanded]) =>
    Float64Array.of(a, p, q, r, isLeftHanded ? -b : b, s, t, u, c),
  )
  .filter((m) => Math.abs(det(m)) > 4)

/** One to eight sites in any lattice, none within 0.3 angstrom of another, coordinates wrapped or not. */
export const anySkeleton: fc.Arbitrary<Skeleton> = fc
  .tuple(anyLattice, fc.array(fc.tuple(coordinate, coordinate, coordinate), { minLength: 1, maxLength: 8 }))
  .map(([lattice, sites]) => ({ lattice, fracCoords: Float64Array.from(sites.flat()) }))
  .filter((skeleton) => pairDistances(skeleton, 1)[0] > 0.3)

/** A skeleton and a random order of its sites. */
export const skeletonAndOrder: fc.Arbitrary<[Skeleton, Uint16Array]> = anySkeleton.chain((skeleton) => {
  const sites = Array.from({ length: skeleton.fracCoords.length / 3 }, (_, k) => k)
  const shuffled = fc.shuffledSubarray(sites, { minLength: sites.length, maxLength: sites.length })
  return shuffled.map((order): [Skeleton, Uint16Array] => [skeleton, Uint16Array.from(order)])
})

/** Integer 3x3 matrices of determinant 1: products of a few shears. */
export const unimodular: fc.Arbitrary<number[]> = fc
  .array(fc.tuple(fc.constantFrom(0, 1, 2), fc.constantFrom(1, 2), fc.integer({ min: -4, max: 4 })), { maxLength: 6 })
  .map((shears) =>
    shears.reduce(
      (m, [row, offset, multiple]) => {
        const other = (row + offset) % 3
        return m.map((value, k) => (Math.floor(k / 3) === row ? value + multiple * m[3 * other + (k % 3)] : value))
      },
      [1, 0, 0, 0, 1, 0, 0, 0, 1],
    ),
  )

function det(m: ArrayLike<number>): number {
  return m[0] * (m[4] * m[8] - m[5] * m[7]) - m[1] * (m[3] * m[8] - m[5] * m[6]) + m[2] * (m[3] * m[7] - m[4] * m[6])
}

/**
 * The `count` shortest distances between periodic sites, ascending, by plain enumeration of the images within `reach`
 * cells: right for cells that are not much skewed.
 */
export function pairDistances({ lattice: m, fracCoords: f }: Skeleton, count: number, reach = 3): number[] {
  const distances: number[] = []
  for (let i = 0; i < f.length; i += 3) {
    for (let j = 0; j < f.length; j += 3) {
      const base = [0, 1, 2].map((k) => f[j + k] - f[i + k] - Math.round(f[j + k] - f[i + k]))
      for (let a = -reach; a <= reach; a++) {
        for (let b = -reach; b <= reach; b++) {
          for (let c = -reach; c <= reach; c++) {
            if (i === j && a === 0 && b === 0 && c === 0) continue
            const d = [base[0] + a, base[1] + b, base[2] + c]
            distances.push(Math.hypot(...[0, 1, 2].map((k) => d[0] * m[k] + d[1] * m[3 + k] + d[2] * m[6 + k])))
          }
        }
      }
    }
  }
  return distances.sort((x, y) => x - y).slice(0, count)
}
