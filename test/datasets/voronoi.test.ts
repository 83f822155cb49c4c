import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { voronoiFaces, type Skeleton } from '@unitcell/datasets'
import { hasShared, needsShared } from '../shared.js'
import { anySkeleton, readBuiltIn, readReference, toStructure } from './skeletons.js'

/** Solid angle by `neighbour,image` of the faces of one site. */
function facesOf(faces: ReturnType<typeof voronoiFaces>, site: number): Map<string, number> {
  const found = new Map<string, number>()
  for (let f = faces.offsets[site]; f < faces.offsets[site + 1]; f++) {
    found.set([faces.sites[f], ...faces.images.subarray(3 * f, 3 * f + 3)].join(), faces.solidAngles[f])
  }
  return found
}

function simpleCubic(a: number): Skeleton {
  return { lattice: Float64Array.of(a, 0, 0, 0, a, 0, 0, 0, a), fracCoords: new Float64Array(3) }
}

describe('solid angles of Voronoi faces', () => {
  test.skipIf(!hasShared).each(['nonmetals', 'prototypes'] as const)(
    `agree with pymatgen within 1e-6 sr on all faces of the %s${needsShared}`,
    (name) => {
      for (const row of readReference(name)) {
        const faces = voronoiFaces(toStructure(row))
        row.voronoi.forEach((expected, site) => {
          const found = facesOf(faces, site)
          for (const [j, image, solidAngle] of expected) {
            const key = [j, ...image].join()
            expect(Math.abs((found.get(key) ?? 0) - solidAngle), `${row.key} site ${site} face ${key}`).toBeLessThan(
              1e-6,
            )
            found.delete(key)
          }
          for (const solidAngle of found.values()) expect(solidAngle).toBeLessThan(1e-6)
        })
      }
    },
  )

  test('of a simple cubic lattice are six equal ones, at every length of the cell', () => {
    // 16 angstrom: no neighbour within 7, so that the search has to go further.
    for (const a of [0.5, 3, 6.999, 7, 7.001, 16, 90]) {
      const { solidAngles } = voronoiFaces(simpleCubic(a))
      expect(solidAngles).toHaveLength(6)
      solidAngles.forEach((angle) => expect(angle).toBeCloseTo((4 * Math.PI) / 6, 9))
    }
  })

  test('add up to 4 pi, and are the same from both sides of a face', () => {
    const check = (skeleton: Skeleton) => {
      const faces = voronoiFaces(skeleton)
      const sites = skeleton.fracCoords.length / 3
      for (let i = 0; i < sites; i++) {
        let total = 0
        for (const [key, angle] of facesOf(faces, i)) {
          total += angle
          const [j, ...image] = key.split(',').map(Number)
          const mirrored = facesOf(faces, j).get([i, ...image.map((n) => 0 - n)].join()) ?? 0
          expect(Math.abs(mirrored - angle)).toBeLessThan(1e-5)
        }
        expect(total).toBeCloseTo(4 * Math.PI, 6)
      }
    }
    readBuiltIn().forEach(check)
    // Cells of which no corner is beyond half the search radius are the true ones, which mirror each other.
    const dense = anySkeleton.map(({ lattice, fracCoords }) => ({ lattice: lattice.map((x) => x / 4), fracCoords }))
    fc.assert(fc.property(dense, check), { numRuns: 50 })
  })

  test('survive noise on the degenerate corners of a cubic close packing', () => {
    const noise = fc.array(fc.double({ min: -1, max: 1, noNaN: true }), { minLength: 12, maxLength: 12 })
    const exponent = fc.integer({ min: 5, max: 16 })
    fc.assert(
      fc.property(noise, exponent, (shifts, digits) => {
        const ideal = [0, 0, 0, 0.5, 0.5, 0, 0.5, 0, 0.5, 0, 0.5, 0.5]
        const fracCoords = Float64Array.from(ideal, (value, k) => value + shifts[k] * 10 ** -digits)
        const faces = voronoiFaces({ lattice: simpleCubic(4).lattice, fracCoords })
        for (let site = 0; site < 4; site++) {
          const large = [...facesOf(faces, site).values()].filter((angle) => angle > 0.1)
          expect(large).toHaveLength(12)
          large.forEach((angle) => expect(Math.abs(angle - Math.PI / 3)).toBeLessThan(100 * 10 ** -digits + 1e-6))
        }
      }),
      { numRuns: 300 },
    )
  })
})

describe('a crystal without Voronoi cells', () => {
  test('is refused where two sites coincide', () => {
    const skeleton = { ...simpleCubic(4), fracCoords: Float64Array.of(0.1, 0, 0, 1.1, 0, 1e-9) }
    expect(() => voronoiFaces(skeleton)).toThrow(expect.objectContaining({ code: 'coincident_sites' }))
  })

  test('is refused where it has no sites, or a coordinate that is not a number', () => {
    for (const fracCoords of [new Float64Array(0), Float64Array.of(0, NaN, 0), Float64Array.of(0, 0)]) {
      expect(() => voronoiFaces({ ...simpleCubic(4), fracCoords })).toThrow(
        expect.objectContaining({ code: 'invalid_sites' }),
      )
    }
  })

  test('is refused where the cell is thousands of times longer than wide', () => {
    const lattice = Float64Array.of(0.5, 0, 0, 0, 0.5, 0, 0, 0, 5000)
    expect(() => voronoiFaces({ lattice, fracCoords: new Float64Array(3) })).toThrow(
      expect.objectContaining({ code: 'voronoi_failed' }),
    )
  })
})
