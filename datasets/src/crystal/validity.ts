import { type Composition, compositionOf, countsDivisor } from './composition.js'
import { ELEMENTS } from './elements.js'

/** Why a composition is not valid. */
export type InvalidCode =
  /** The oxidation-state list has no state for one of the elements. */
  | 'no_oxidation_states'
  /** No choice of one oxidation state per element is charge neutral. */
  | 'not_neutral'
  /** There are neutral choices, but in each a cation is at least as electronegative as an anion. */
  | 'electronegativity'

export interface InvalidReason {
  readonly code: InvalidCode
  readonly message: string
}

export type Validity =
  { readonly valid: true; readonly reason: null } | { readonly valid: false; readonly reason: InvalidReason }

const VALID: Validity = { valid: true, reason: null }

/**
 * SMACT validity of a composition as CDVAE (Xie et al. 2021) tests generated crystals: one element alone, or metals alone, are
 * valid; otherwise some choice of one oxidation state per element must be charge neutral with every cation (state > 0)
 * strictly less electronegative than every anion (state < 0). Pairs with an untabulated electronegativity are not tested.
 *
 * The choices are never enumerated. Elements sorted by electronegativity, an admissible choice is a cut: all up to the cut
 * are cations, all above it anions. The sums of charges that each side of each cut can reach are bitsets, grown by one
 * element at a time, so the cost is elements x states x (range of charge / 32).
 */
export function validity(composition: Composition): Validity {
  const { elements, counts } = composition
  if (elements.length === 0) throw new RangeError('a composition has at least one element')
  if (elements.length === 1 || elements.every((element) => ELEMENTS[element].isMetal)) return VALID
  const stateless = elements.find((element) => ELEMENTS[element].oxidationStates.length === 0)
  if (stateless !== undefined) {
    return invalid('no_oxidation_states', `no oxidation state of ${ELEMENTS[stateless].symbol} is known`)
  }
  const ions = ionsOf(elements, counts)
  if (hasAdmissibleCut(ions)) return VALID
  return isNeutralizable(ions)
    ? invalid('electronegativity', 'every neutral choice has a cation at least as electronegative as an anion')
    : invalid('not_neutral', 'no choice of one oxidation state per element is charge neutral')
}

/** `validity` of a crystal's N element indices. Throws RangeError on an unfilled site. */
export function speciesValidity(species: Uint8Array): Validity {
  return validity(compositionOf(species))
}

/** The reason as one string, `code: message`; null where valid. */
export function reasonText(result: Validity): string | null {
  return result.reason === null ? null : `${result.reason.code}: ${result.reason.message}`
}

function invalid(code: InvalidCode, message: string): Validity {
  return { valid: false, reason: { code, message } }
}

/** The atoms of one element; charges are oxidation state x count. */
interface Ions {
  readonly electronegativity: number | null
  readonly positiveCharges: readonly number[]
  readonly negativeCharges: readonly number[]
}

function ionsOf(elements: Uint8Array, counts: Uint32Array): Ions[] {
  const divisor = countsDivisor(counts)
  return Array.from(elements, (element, i) => {
    const { electronegativity, oxidationStates } = ELEMENTS[element]
    const count = counts[i] / divisor
    const positiveCharges: number[] = []
    const negativeCharges: number[] = []
    for (const state of oxidationStates) (state > 0 ? positiveCharges : negativeCharges).push(state * count)
    return { electronegativity, positiveCharges, negativeCharges }
  })
}

function hasAdmissibleCut(ions: readonly Ions[]): boolean {
  const span = chargeSpan(ions)
  const ranked = ions
    .filter((ion) => ion.electronegativity !== null)
    .sort((a, b) => (a.electronegativity ?? 0) - (b.electronegativity ?? 0))

  // anions[k]: what the elements from rank k on can reach as anions, as positive sums; shorter where one cannot be an anion.
  const anions: ChargeSums[] = []
  anions[ranked.length] = ChargeSums.zero(span)
  for (let rank = ranked.length - 1; rank >= 0; rank--) {
    const { negativeCharges } = ranked[rank]
    if (negativeCharges.length === 0) break
    anions[rank] = anions[rank + 1].plusOneOf(negativeCharges.map((charge) => -charge))
  }

  let cations = ChargeSums.zero(span)
  for (const ion of ions) {
    if (ion.electronegativity === null) cations = cations.plusOneOf([...ion.negativeCharges, ...ion.positiveCharges])
  }
  for (let cut = 0; ; cut++) {
    // Equally electronegative elements stand on one side: the comparison is strict.
    const splitsEquals =
      cut > 0 && cut < ranked.length && ranked[cut - 1].electronegativity === ranked[cut].electronegativity
    if (!splitsEquals && anions[cut]?.meets(cations)) return true
    if (cut === ranked.length || ranked[cut].positiveCharges.length === 0) return false
    cations = cations.plusOneOf(ranked[cut].positiveCharges)
  }
}

function isNeutralizable(ions: readonly Ions[]): boolean {
  const zero = ChargeSums.zero(chargeSpan(ions))
  let sums = zero
  for (const ion of ions) sums = sums.plusOneOf([...ion.negativeCharges, ...ion.positiveCharges])
  return sums.meets(zero)
}

/** Largest absolute charge that any choice can reach. */
function chargeSpan(ions: readonly Ions[]): number {
  let span = 0
  for (const { positiveCharges, negativeCharges } of ions) {
    span += Math.max(positiveCharges.at(-1) ?? 0, -(negativeCharges[0] ?? 0))
  }
  return span
}

/** A set of charges in -span..span: bit (charge + span) of `words`. */
class ChargeSums {
  private constructor(private readonly words: Uint32Array) {}

  /** The set {0}. */
  static zero(span: number): ChargeSums {
    const words = new Uint32Array(((2 * span) >> 5) + 1)
    words[span >> 5] = 1 << (span & 31)
    return new ChargeSums(words)
  }

  /** {s + c: s in this set, c in charges}. */
  plusOneOf(charges: readonly number[]): ChargeSums {
    const { words } = this
    const sums = new Uint32Array(words.length)
    for (const charge of charges) {
      const wordShift = charge >> 5
      const bitShift = charge & 31
      const first = Math.max(0, -wordShift)
      const end = Math.min(words.length, words.length - wordShift)
      for (let i = first; i < end; i++) {
        sums[i + wordShift] |= words[i] << bitShift
        if (bitShift !== 0 && i + wordShift + 1 < sums.length) sums[i + wordShift + 1] |= words[i] >>> (32 - bitShift)
      }
      // The word whose lower part falls off the start still has an upper part in word 0.
      if (bitShift !== 0 && wordShift < 0) sums[0] |= words[-wordShift - 1] >>> (32 - bitShift)
    }
    return new ChargeSums(sums)
  }

  meets(other: ChargeSums): boolean {
    return this.words.some((word, i) => (word & other.words[i]) !== 0)
  }
}
