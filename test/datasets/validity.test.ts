import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  ELEMENT_COUNT,
  compositionOf,
  parseComposition,
  parseSpecies,
  readLines,
  reasonText,
  speciesValidity,
  validity,
} from '@unitcell/datasets'
import { hasShared, needsShared, shared } from '../shared.js'
import { bruteForceReason } from './brute-force-validity.js'

test.skipIf(!hasShared).each([
  ['real', 600],
  ['random', 600],
])(`the flag agrees with SMACT on every %s composition${needsShared}`, async (name, expected) => {
  let rows = 0
  for await (const { text } of readLines(shared(`reference/smact-validity-${name}.jsonl.gz`))) {
    const { composition, valid } = JSON.parse(text) as { composition: unknown; valid: boolean }
    expect(validity(parseComposition(composition)).valid, text).toBe(valid)
    rows++
  }
  expect(rows).toBe(expected)
})

const anyElement = fc.integer({ min: 0, max: ELEMENT_COUNT - 1 })

test('flag and reason agree with walking every combination of oxidation states', () => {
  const species = fc
    .uniqueArray(anyElement, { minLength: 1, maxLength: 4 })
    .chain((elements) =>
      fc
        .array(fc.integer({ min: 1, max: 7 }), { minLength: elements.length, maxLength: elements.length })
        .map((counts) => Uint8Array.from(elements.flatMap((element, i) => Array<number>(counts[i]).fill(element)))),
    )
  const seen = new Set<string | undefined>()
  fc.assert(
    fc.property(species, (filling) => {
      const result = speciesValidity(filling)
      const expected = bruteForceReason(compositionOf(filling))
      seen.add(result.reason?.code)
      expect(result.reason?.code ?? null).toBe(expected)
      expect(result.valid).toBe(expected === null)
    }),
    { numRuns: 3000, seed: 7 },
  )
  expect(seen).toEqual(new Set([undefined, 'no_oxidation_states', 'not_neutral', 'electronegativity']))
})

test('neither the order of sites nor doubling the cell changes the answer', () => {
  fc.assert(
    fc.property(fc.array(anyElement, { minLength: 1, maxLength: 12 }), (sites) => {
      const result = speciesValidity(Uint8Array.from(sites))
      expect(speciesValidity(Uint8Array.from([...sites, ...sites].reverse()))).toEqual(result)
    }),
    { seed: 11 },
  )
})

test.each([
  ['one element', ['O', 'O'], null],
  ['one element without oxidation states', ['He'], null],
  ['metals alone', ['Fe', 'Co', 'Ni'], null],
  ['a salt', ['Na', 'Cl'], null],
  ['a mixed-valence average that no single state gives', ['Fe', 'Fe', 'Fe', 'O', 'O', 'O', 'O'], 'not_neutral'],
  ['a noble gas in a compound', ['He', 'O'], 'no_oxidation_states'],
  ['cations alone', ['Li', 'B'], 'not_neutral'],
  ['two elements of one electronegativity, 2.55', ['C', 'Se', 'Se'], 'electronegativity'],
  ['no electronegativity of Kr: its pair is not tested', ['Kr', 'O'], null],
])('%s: %j', (_, symbols, code) => {
  const result = speciesValidity(parseSpecies(symbols))
  expect(result.reason?.code ?? null).toBe(code)
})

test('twenty different elements, 1e13 combinations and more, are answered', () => {
  const symbols = 'Mn Cr Fe Os Ir Ru Tc Re W Mo Rh Pt N Cl S P Si C Se O'.split(' ')
  expect(speciesValidity(parseSpecies(symbols))).toEqual({ valid: true, reason: null })
})

test('the reason as text is its code and a sentence', () => {
  expect(reasonText(speciesValidity(parseSpecies(['He', 'O'])))).toBe(
    'no_oxidation_states: no oxidation state of He is known',
  )
  expect(reasonText(speciesValidity(parseSpecies(['Na', 'Cl'])))).toBeNull()
})

test('no composition, and an unfilled site, are errors of the caller', () => {
  expect(() => speciesValidity(new Uint8Array())).toThrow(RangeError)
  expect(() => speciesValidity(Uint8Array.of(88))).toThrow(RangeError)
})
