import { compositionOf, parseSpecies, reducedFormula } from '../crystal/composition.js'
import { ELEMENTS, elementIndex } from '../crystal/elements.js'
import type { Structure } from '../crystal/structure.js'
import { speciesValidity } from '../crystal/validity.js'
import { effortSeconds } from './effort.js'
import { hypotheticalFillings, type Filling } from './hypothetical.js'
import { PROTOTYPES, type LatticeConstants, type Prototype, type PrototypeName } from './prototypes.js'
import { TEXTBOOK } from './textbook.js'

/** A crystal of the reference set before it is computed. */
export interface Candidate {
  readonly id: string
  readonly prototype: PrototypeName
  /** Where its lattice constants come from. */
  readonly origin: 'textbook' | 'hypothetical'
  readonly structure: Structure
  readonly spaceGroup: number
  readonly reducedFormula: string
}

/** Weights of the effort by which candidates are ordered: textbook crystals come early, second fillings of a skeleton late. */
const TEXTBOOK_WEIGHT = 0.6
const ROTATED_WEIGHT = 1.1
/** So many crystals of a prototype double the weight of its next one, so that no prototype crowds out the others. */
const CROWD = 1000

/**
 * The candidates for the reference set: the textbook crystals, and the hypothetical fillings that are SMACT-valid and
 * not among them. In the order of computation, the cheapest first, weighted so that a computation that is stopped at
 * any time leaves a large and varied set.
 */
export function referenceCandidates(): Candidate[] {
  const candidates = new Map<string, Candidate>()
  const weights = new Map<Candidate, number>()
  const add = (filling: Filling, origin: Candidate['origin'], weight: number) => {
    const candidate = candidateOf(origin, filling)
    if (candidates.has(candidate.id)) return
    if (origin === 'hypothetical' && !speciesValidity(candidate.structure.species).valid) return
    candidates.set(candidate.id, candidate)
    weights.set(candidate, weight * effortSeconds(candidate.structure, candidate.spaceGroup))
  }
  const [textbook, hypothetical] = [textbookFillings(), hypotheticalFillings()]
  for (const filling of textbook) add(filling, 'textbook', TEXTBOOK_WEIGHT)
  for (const filling of hypothetical) add(filling, 'hypothetical', 1)
  for (const filling of [...textbook, ...hypothetical].flatMap(rotatedFillings)) {
    add(filling, 'hypothetical', ROTATED_WEIGHT)
  }
  const byWeight = (p: Candidate, q: Candidate) => weights.get(p)! - weights.get(q)!
  const inOrder = [...candidates.values()].sort(byWeight)
  const ofPrototype = new Map<PrototypeName, number>()
  for (const candidate of inOrder) {
    const rank = (ofPrototype.get(candidate.prototype) ?? 0) + 1
    ofPrototype.set(candidate.prototype, rank)
    weights.set(candidate, weights.get(candidate)! * (1 + rank / CROWD))
  }
  return inOrder.sort(byWeight)
}

/** The textbook crystals, as the table has them. */
export function textbookFillings(): Filling[] {
  return Object.entries(TEXTBOOK).flatMap(([name, rows]) =>
    rows.split(';').map((row): Filling => {
      const prototype = name as PrototypeName
      const words = row.trim().split(/\s+/)
      const { roles } = PROTOTYPES[prototype]
      return { prototype, elements: words.slice(0, roles), constants: constantsOf(words.slice(roles).map(Number)) }
    }),
  )
}

/** The other two half-Heusler crystals of the same elements: the third role, which the others surround, is another's. */
function rotatedFillings({ prototype, elements, constants }: Filling): (Filling & { readonly variant: string })[] {
  if (prototype !== 'halfheusler') return []
  const [first, second, third] = elements
  return [
    { prototype, elements: [second, third, first], constants, variant: first },
    { prototype, elements: [third, first, second], constants, variant: second },
  ]
}

/** The structure of a filling. Coordinates are rounded to 10 digits, cell vectors to 8, so that they read well. */
export function fillingStructure({ prototype, elements, constants }: Filling): Structure {
  const { c = 0, u = 0, v = 0 } = constants
  const { lattice, sites } = (PROTOTYPES[prototype] as Prototype).cell({ a: constants.a, c, u, v })
  return {
    lattice: Float64Array.from(lattice.flat(), (x) => rounded(x, 8)),
    fracCoords: Float64Array.from(
      sites.flatMap(({ position }) => position),
      (x) => rounded(x, 10),
    ),
    species: parseSpecies(sites.map(({ role }) => elements[role])),
  }
}

function candidateOf(origin: Candidate['origin'], filling: Filling): Candidate {
  const structure = fillingStructure(filling)
  const { prototype } = filling
  return {
    id: ['reference', conventionalFormula(filling, structure), prototype, ...(filling.variant ? [filling.variant] : [])]
      .join('-')
      .toLowerCase(),
    prototype,
    origin,
    structure,
    spaceGroup: PROTOTYPES[prototype].spaceGroup,
    reducedFormula: reducedFormula(compositionOf(structure.species)),
  }
}

function constantsOf(numbers: readonly number[]): LatticeConstants {
  // Cubic prototypes with one constant have no c; all others list a, c, u, v in order.
  const [a, c, u, v] = numbers
  return { a, ...(c !== undefined && { c }), ...(u !== undefined && { u }), ...(v !== undefined && { v }) }
}

/** Elements from the least to the most electronegative, as chemists write them; of chalcopyrites by role. */
function conventionalFormula({ prototype, elements }: Filling, { species }: Structure): string {
  const electronegativity = (symbol: string) => ELEMENTS[elementIndex(symbol)!].electronegativity ?? 0
  const order =
    prototype === 'chalcopyrite'
      ? elements
      : [...new Set(elements)].sort((p, q) => electronegativity(p) - electronegativity(q))
  const count = (symbol: string) => species.filter((index) => index === elementIndex(symbol)).length
  const divisor = Math.min(...order.map(count))
  return order
    .map((symbol) => {
      const atoms = count(symbol) / (order.every((other) => count(other) % divisor === 0) ? divisor : 1)
      return symbol + (atoms === 1 ? '' : String(atoms))
    })
    .join('')
}

function rounded(value: number, digits: number): number {
  return Number(value.toFixed(digits)) + 0
}
