import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { spaceGroupNumber, referenceCandidates, SYMBOLS } from '@unitcell/datasets'
import { hasShared, needsShared, shared } from '../shared.js'

const candidates = referenceCandidates()

describe('the candidates of the reference set', () => {
  test('have an id each, at least 12 prototypes and 45 elements, and more crystals than the set needs', () => {
    expect(new Set(candidates.map(({ id }) => id)).size).toBe(candidates.length)
    const first = candidates.slice(0, 1000)
    expect(first.length).toBe(1000)
    expect(new Set(first.map(({ prototype }) => prototype)).size).toBeGreaterThanOrEqual(12)
    const elements = new Set(first.flatMap(({ structure }) => Array.from(structure.species, (i) => SYMBOLS[i])))
    expect(elements.size).toBeGreaterThanOrEqual(45)
  })

  test('have the space group that their prototype states', () => {
    for (const { id, prototype, structure, spaceGroup } of candidates.filter((_, k) => k % 10 === 0)) {
      expect(spaceGroupNumber(structure), `${id} (${prototype})`).toBe(spaceGroup)
    }
  })

  test.skipIf(!hasShared)(`hold the crystals of the published set, as they are there${needsShared}`, () => {
    const byId = new Map(candidates.map((candidate) => [candidate.id, candidate]))
    const rows = readFileSync(shared('data/reference-set/crystals.jsonl'), 'utf8').trim().split('\n')
    for (const row of rows) {
      const { id, lattice, species, reduced_formula } = JSON.parse(row) as Record<string, never> & {
        id: string
        lattice: number[][]
        species: string[]
        reduced_formula: string
      }
      const candidate = byId.get(id)
      expect(candidate, id).toMatchObject({ origin: 'textbook', reducedFormula: reduced_formula })
      // Half-Heusler crystals stand there with two sites exchanged that an inversion exchanges.
      expect(Array.from(candidate!.structure.species, (i) => SYMBOLS[i]).sort()).toEqual(species.sort())
      lattice.flat().forEach((x, k) => expect(candidate!.structure.lattice[k], id).toBeCloseTo(x, 4))
    }
  })
})
