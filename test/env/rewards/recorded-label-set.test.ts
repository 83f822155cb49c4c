import { readFileSync } from 'node:fs'
import { SYMBOLS } from '@unitcell/datasets'
import { commonElements } from '@unitcell/env'
import { expect, test } from 'vitest'
import { someLabelSet } from './results.js'

// How the built-in labels were computed.
const builtin = JSON.parse(
  readFileSync(new URL('../../../datasets/reference/sssp/label-set.json', import.meta.url), 'utf8'),
) as Record<string, unknown> & { pseudopotentials: Record<string, { file: string; sha256: string }> }

const same = someLabelSet({ pseudopotentials: builtin.pseudopotentials })
const symbols = (elements: ReadonlySet<number>) => [...elements].map((element) => SYMBOLS[element]).sort()

test('labels of a data set count under the settings that it states, for elements with the same pseudopotential', () => {
  expect(symbols(commonElements(builtin, same))).toEqual(Object.keys(builtin.pseudopotentials).sort())
  const { Na, Cl } = builtin.pseudopotentials
  const other = { ...Cl, sha256: Na.sha256 }
  expect(symbols(commonElements(builtin, { ...same, pseudopotentials: { Na, Cl: other } }))).toEqual(['Na'])
})

test('they do not count where one setting differs, or is not stated', () => {
  const changes = [
    { codeVersion: '7.2' },
    { cutoffs: { ecutwfcRy: 30, ecutrhoRy: 245 } },
    { kGrid: [3, 3, 4] },
    { bands: { kind: 'tight', empty: 9 } },
    { bands: { kind: 'constant', count: 256 } },
    { convergenceThresholdRy: 1e-7 },
    { mixingBeta: 0.3 },
    { magnetizations: [1, 3] },
  ] as const
  for (const change of changes) expect(commonElements(builtin, { ...same, ...change }).size).toBe(0)
  const needed = Object.keys(builtin).filter((field) => !['name', 'magnetizations'].includes(field))
  for (const field of needed) {
    const rest = Object.fromEntries(Object.entries(builtin).filter(([name]) => name !== field))
    expect(commonElements(rest, same).size, field).toBe(0)
  }
  expect(commonElements(null, same).size).toBe(0)
})
