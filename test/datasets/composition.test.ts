import { expect, test } from 'vitest'
import {
  anonymousFormula,
  compositionOf,
  countsDivisor,
  elementIndex,
  parseComposition,
  parseSpecies,
  readLines,
  reducedFormula,
} from '@unitcell/datasets'
import { hasShared, needsShared, shared } from '../shared.js'

test.skipIf(!hasShared)(`reduced formulas are those of all 7,949 labelled crystals${needsShared}`, async () => {
  let rows = 0
  for (const file of ['train', 'val']) {
    for await (const { text } of readLines(shared(`data/mp20-qe/${file}.jsonl.gz`))) {
      const { species, reduced_formula } = JSON.parse(text) as { species: string[]; reduced_formula: string }
      expect(reducedFormula(compositionOf(parseSpecies(species)))).toBe(reduced_formula)
      rows++
    }
  }
  expect(rows).toBe(7949)
})

test('a composition lists distinct elements in order of atomic number', () => {
  const composition = compositionOf(parseSpecies(['O', 'Fe', 'O', 'Fe', 'O', 'H']))
  expect([...composition.elements]).toEqual(['H', 'O', 'Fe'].map(elementIndex))
  expect([...composition.counts]).toEqual([1, 3, 2])
})

test('an object of counts gives the composition of its species', () => {
  expect(parseComposition({ O: 3, Fe: 2, H: 1 })).toEqual(compositionOf(parseSpecies(['O', 'Fe', 'O', 'Fe', 'O', 'H'])))
})

test('formulas divide the counts by their greatest common divisor', () => {
  const composition = parseComposition({ Sr: 2, Cl: 4, F: 4 })
  expect(countsDivisor(composition.counts)).toBe(2)
  expect(reducedFormula(composition)).toBe('Cl2F2Sr')
  expect(anonymousFormula(composition)).toBe('AB2C2')
  expect(reducedFormula(parseComposition({ Fe: 6 }))).toBe('Fe')
})

test.each([
  [{ Fe: 0 }, 'unparsable', 'composition.Fe'],
  [{ Fe: 1.5 }, 'unparsable', 'composition.Fe'],
  [{ Fe: '2' }, 'unparsable', 'composition.Fe'],
  [{ Fe: 1e9 }, 'unparsable', 'composition.Fe'],
  [{ Xx: 1 }, 'unknown_element', 'composition'],
  [{ Ar: 1 }, 'unknown_element', 'composition'],
  [{}, 'no_sites', 'composition'],
  [['Fe'], 'unparsable', 'composition'],
  [null, 'unparsable', 'composition'],
])('the composition %j is refused as %s', (value, code, field) => {
  expect(() => parseComposition(value)).toThrow(expect.objectContaining({ code, field }))
})

test.each([
  ['Fe', 'unparsable', 'species'],
  [['Fe', 'fe'], 'unknown_element', 'species[1]'],
  [['Fe', 26], 'unparsable', 'species[1]'],
  [[{ Fe: 0.5, Co: 0.5 }], 'partial_occupancy', 'species[0]'],
])('the species %j are refused as %s', (value, code, field) => {
  expect(() => parseSpecies(value)).toThrow(expect.objectContaining({ code, field }))
})

test('a composition of an unfilled site is refused', () => {
  expect(() => compositionOf(Uint8Array.of(0, 88))).toThrow(RangeError)
})
