import { terminalReward } from '@unitcell/env'
import type { RewardOptions } from '@unitcell/protocol'
import fc from 'fast-check'
import { expect, test } from 'vitest'

const options = (changes: Partial<RewardOptions> = {}): RewardOptions => ({
  alpha1: 1,
  alpha2: 5,
  beta: 3,
  target: null,
  energy: 'total',
  failure: -1,
  ...changes,
})

const labels = (
  totalEnergyRy: number | null,
  bandGapEv: number | null,
  formationEnergyEvPerAtom: number | null = null,
) => ({
  totalEnergyRy,
  bandGapEv,
  formationEnergyEvPerAtom,
})

// Eq. (7) by hand: log10(100) = 2, exp(-1) = 0.36787944117144233, exp(-1/3) = 0.7165313105737893.
test.each([
  ['no target: the energy term alone', labels(-100, 1.12), options(), 2],
  ['gap on target: alpha2 whole', labels(-100, 1.12), options({ target: 1.12 }), 7],
  ['gap 1 eV off, beta 1', labels(-100, 2.12), options({ target: 1.12, beta: 1 }), 2 + 5 * 0.36787944117144233],
  ['gap 1 eV off, beta 3', labels(-100, 2.12), options({ target: 1.12, beta: 3 }), 2 + 5 * 0.7165313105737893],
  ['gap 1 eV below, alpha2 10', labels(-100, 2), options({ target: 3, alpha2: 10 }), 2 + 10 * 0.7165313105737893],
  ['alpha1 0: the gap term alone', labels(null, 2), options({ target: 3, alpha1: 0, alpha2: 10 }), 7.165313105737893],
  ['alpha2 0: no gap needed', labels(-1000, null), options({ target: 3, alpha2: 0 }), 3],
  ['an energy above -1 Ry costs', labels(-0.1, null), options(), -1],
  ['formation energy below zero: log10', labels(null, null, -0.01), options({ energy: 'formation' }), -2],
  [
    'formation energy from zero on: as it is',
    labels(null, null, 0.25),
    options({ energy: 'formation', alpha1: 2 }),
    0.5,
  ],
  ['formation energy zero', labels(null, null, 0), options({ energy: 'formation' }), 0],
])('Eq. (7), %s', (_, known, parameters, expected) => {
  const { value, failure } = terminalReward(known, parameters)
  expect(failure).toBeNull()
  expect(value).toBeCloseTo(expected, 12)
})

test.each([
  ['no total energy', labels(null, 1), options(), 'unlabelled'],
  ['no formation energy', labels(-10, 1), options({ energy: 'formation' }), 'unlabelled'],
  ['no gap where a target asks for one', labels(-10, null), options({ target: 1 }), 'unlabelled'],
  ['a total energy that is not negative', labels(5, 1), options(), 'energy_not_negative'],
  ['a total energy of zero', labels(0, 1), options(), 'energy_not_negative'],
])('%s is a failure with the failure reward, never a silent zero', (_, known, parameters, failureClass) => {
  const { value, failure } = terminalReward(known, { ...parameters, failure: -7 })
  expect(value).toBe(-7)
  expect(failure).toMatchObject({ class: failureClass })
})

test('the gap term is largest on target and symmetric about it', () => {
  const positive = fc.double({ min: 0.01, max: 5, noNaN: true })
  fc.assert(
    fc.property(positive, positive, positive, (target, offset, beta) => {
      const at = (gap: number) => terminalReward(labels(-10, gap), options({ target: 10 + target, beta })).value
      const peak = at(10 + target)
      expect(at(10 + target + offset)).toBeLessThanOrEqual(peak)
      expect(at(10 + target + offset)).toBeCloseTo(at(10 + target - offset), 9)
    }),
  )
})
