import { compositionOf, parseSpecies, reducedFormula } from '../crystal/composition.js'
import { ELEMENTS, elementIndex } from '../crystal/elements.js'
import { cellVolume } from '../crystal/lattice.js'
import type { Structure } from '../crystal/structure.js'
import { speciesValidity } from '../crystal/validity.js'
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

/** Hypothetical crystals of a greater effort are left out, but for the first few of a prototype. */
const MOST_EFFORT = 10_500
const FEW = 5

/**
 * Every crystal of the reference set: the textbook ones, and the hypothetical fillings that are SMACT-valid and not among
 * them (by prototype and reduced formula). The order is that of computation: within a prototype the textbook crystals,
 * then the cheaper ones first, and all prototypes in step, so that a computation that is stopped at any time leaves a
 * balanced set.
 */
export function referenceCandidates(): Candidate[] {
  const seen = new Set<string>()
  const byPrototype = new Map<PrototypeName, Candidate[]>()
  const add = (origin: Candidate['origin'], filling: Filling) => {
    const candidate = candidateOf(origin, filling)
    if (seen.has(candidate.id)) return
    if (origin === 'hypothetical' && !speciesValidity(candidate.structure.species).valid) return
    seen.add(candidate.id)
    byPrototype.set(filling.prototype, [...(byPrototype.get(filling.prototype) ?? []), candidate])
  }
  for (const filling of textbookFillings()) add('textbook', filling)
  for (const filling of hypotheticalFillings()) add('hypothetical', filling)
  const placed = [...byPrototype.values()].flatMap((candidates) => {
    const cheapestFirst = [...candidates].sort((p, q) => effort(p) - effort(q))
    const hypothetical = cheapestFirst.filter(({ origin }) => origin === 'hypothetical')
    const left = new Set(hypothetical.filter((candidate, rank) => rank >= FEW && effort(candidate) > MOST_EFFORT))
    const taken = cheapestFirst.filter((candidate) => !left.has(candidate))
    return taken.map((candidate, rank) => ({ candidate, place: (rank + 0.5) / taken.length }))
  })
  return placed.sort((p, q) => p.place - q.place).map(({ candidate }) => candidate)
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
    id: `reference-${conventionalFormula(filling, structure)}-${prototype}`.toLowerCase(),
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

/** A measure of the cost of a calculation: k-points (fewer where symmetry is cubic) times bands times plane waves. */
function effort({ structure, spaceGroup }: Candidate): number {
  const kPoints = spaceGroup >= 195 ? 4 : 6.5
  // Half of about eight valence electrons per atom, and the empty bands.
  const bands = 4 * structure.species.length + 8
  return kPoints * bands * cellVolume(structure.lattice)
}

function rounded(value: number, digits: number): number {
  return Number(value.toFixed(digits)) + 0
}
