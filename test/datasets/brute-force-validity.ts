import { type Composition, ELEMENTS, type InvalidCode } from '@unitcell/datasets'

/** SMACT validity by walking every combination of oxidation states: the definition, word by word. Null where valid. */
export function bruteForceReason({ elements, counts }: Composition): InvalidCode | null {
  const facts = Array.from(elements, (element) => ELEMENTS[element])
  if (facts.length === 1 || facts.every(({ isMetal }) => isMetal)) return null
  if (facts.some(({ oxidationStates }) => oxidationStates.length === 0)) return 'no_oxidation_states'
  const states: number[] = []
  let neutral = false
  const someValid = (i: number): boolean => {
    if (i < facts.length) {
      return facts[i].oxidationStates.some((state) => {
        states[i] = state
        return someValid(i + 1)
      })
    }
    if (states.reduce((sum, state, k) => sum + state * counts[k], 0) !== 0) return false
    neutral = true
    return facts.every((cation, c) =>
      facts.every((anion, a) => {
        if (states[c] < 0 || states[a] > 0) return true
        if (cation.electronegativity === null || anion.electronegativity === null) return true
        return cation.electronegativity < anion.electronegativity
      }),
    )
  }
  if (someValid(0)) return null
  return neutral ? 'electronegativity' : 'not_neutral'
}
