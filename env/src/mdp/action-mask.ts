import { ELEMENT_COUNT, ELEMENTS, elementIndex, speciesValidity, UNFILLED } from '@unitcell/datasets'
import { ProtocolError, type Constraints } from '@unitcell/protocol'
import { OxidationSums } from './oxidation-sums.js'

function toIndex(symbol: string, field: string): number {
  const index = elementIndex(symbol)
  if (index !== undefined) return index
  throw new ProtocolError('invalid_options', `${field}: ${JSON.stringify(symbol)} is none of the 88 elements`)
}

/** The rules of an environment on what may fill a site, as a mask over the 88 actions. */
export class ActionMask {
  /** Sites in one formula unit; 1 without a formula. A crystal fits when its number of sites is a multiple. */
  readonly formulaSites: number
  /** Whether the rules never exclude anything. */
  readonly isOpen: boolean
  readonly #allowed: Uint8Array
  readonly #formula: ReadonlyMap<number, number> | null
  readonly #maxElements: number
  readonly #neutral: boolean

  /** @throws ProtocolError `invalid_options` for an unknown element, or rules that leave nothing to choose */
  constructor(constraints: Constraints) {
    const { elements, formula, max_elements, neutral } = constraints
    this.#allowed = new Uint8Array(ELEMENT_COUNT).fill(elements === null ? 1 : 0)
    for (const symbol of elements ?? []) this.#allowed[toIndex(symbol, 'constraints.elements')] = 1
    this.#maxElements = max_elements ?? ELEMENT_COUNT
    this.#neutral = neutral
    this.#formula = formula === null ? null : this.#readFormula(formula)
    this.isOpen = formula === null && max_elements === null && !neutral && elements === null
    this.formulaSites = [...(this.#formula?.values() ?? [1])].reduce((sum, count) => sum + count, 0)
  }

  #readFormula(formula: Readonly<Record<string, number>>): Map<number, number> {
    const counts = new Map<number, number>()
    for (const [symbol, count] of Object.entries(formula)) {
      const element = toIndex(symbol, 'constraints.formula')
      if (this.#allowed[element] === 0) {
        throw new ProtocolError(
          'invalid_options',
          `constraints.formula needs ${symbol}, which constraints.elements excludes`,
        )
      }
      counts.set(element, count)
    }
    if (counts.size === 0) throw new ProtocolError('invalid_options', 'constraints.formula is empty')
    if (counts.size > this.#maxElements) {
      const fault = `constraints.formula has ${counts.size} elements, constraints.max_elements allows ${this.#maxElements}`
      throw new ProtocolError('invalid_options', fault)
    }
    const unit = [...counts.values()].reduce(greatestCommonDivisor)
    return new Map([...counts].map(([element, count]) => [element, count / unit]))
  }

  /**
   * The allowed actions at the focus of a crystal filled so far with `elements` (N element indices, `UNFILLED` where
   * empty): 88 bytes, 1 where allowed. All 0 when no site is empty. Where charge neutrality can no longer be reached the
   * neutrality rule is lifted, so that an episode can always be finished.
   */
  at(elements: Uint8Array): Uint8Array {
    const counts = new Uint16Array(ELEMENT_COUNT)
    let empty = 0
    for (const element of elements) {
      if (element === UNFILLED) empty++
      else counts[element]++
    }
    if (empty === 0) return new Uint8Array(ELEMENT_COUNT)
    const mask = Uint8Array.from(this.#allowed)
    this.#restrictToFormula(mask, counts, elements.length)
    this.#restrictKinds(mask, counts)
    return this.#neutral ? this.#keepNeutral(mask, counts, empty) : mask
  }

  #restrictToFormula(mask: Uint8Array, counts: Uint16Array, sites: number): void {
    if (this.#formula === null) return
    const units = sites / this.formulaSites
    for (let element = 0; element < ELEMENT_COUNT; element++) {
      if (counts[element] >= units * (this.#formula.get(element) ?? 0)) mask[element] = 0
    }
  }

  #restrictKinds(mask: Uint8Array, counts: Uint16Array): void {
    if (this.#maxElements === ELEMENT_COUNT) return
    const kinds = counts.reduce((sum, count) => sum + (count > 0 ? 1 : 0), 0)
    if (kinds < this.#maxElements) return
    for (let element = 0; element < ELEMENT_COUNT; element++) if (counts[element] === 0) mask[element] = 0
  }

  #keepNeutral(mask: Uint8Array, counts: Uint16Array, empty: number): Uint8Array {
    const isReachable = empty === 1 ? completesValidly(counts) : staysNeutral(mask, counts, empty - 1)
    const narrowed = mask.map((bit, element) => (bit === 1 && isReachable(element) ? 1 : 0))
    return narrowed.includes(1) ? narrowed : mask
  }
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b)
}

/** On the last site: the filled crystal must be SMACT-valid. */
function completesValidly(counts: Uint16Array): (element: number) => boolean {
  const filled: number[] = []
  counts.forEach((count, element) => filled.push(...Array<number>(count).fill(element)))
  return (element) => speciesValidity(Uint8Array.from([...filled, element])).valid
}

/**
 * Before the last site, a necessary condition: some choice of one oxidation state per element present, and of any allowed
 * states on the `left` sites after this one, sums to zero; or metals alone are present and can remain so.
 */
function staysNeutral(allowed: Uint8Array, counts: Uint16Array, left: number): (element: number) => boolean {
  let lowest = 0
  let highest = 0
  let allMetal = true
  let metalAllowed = false
  for (let element = 0; element < ELEMENT_COUNT; element++) {
    const { oxidationStates, isMetal } = ELEMENTS[element]
    if (counts[element] > 0) allMetal &&= isMetal
    if (allowed[element] === 0) continue
    metalAllowed ||= isMetal
    lowest = Math.min(lowest, ...oxidationStates)
    highest = Math.max(highest, ...oxidationStates)
  }
  return (element) => {
    if (allMetal && metalAllowed && ELEMENTS[element].isMetal) return true
    counts[element]++
    const reachable = new OxidationSums(counts).reaches(-highest * left, -lowest * left)
    counts[element]--
    return reachable
  }
}
