import { CrystalError, quote } from './crystal-error.js'
import { ELEMENT_COUNT, SYMBOLS, UNFILLED, elementIndex } from './elements.js'

/** Which elements, and how many atoms of each. */
export interface Composition {
  /** Distinct element indices, ascending. */
  readonly elements: Uint8Array
  /** Atoms of each of `elements`, at least 1. */
  readonly counts: Uint32Array
}

/** Composition of N element indices. Throws RangeError on an unfilled site. */
export function compositionOf(species: Uint8Array): Composition {
  const atoms = new Uint32Array(ELEMENT_COUNT)
  for (const element of species) {
    if (element >= UNFILLED) throw new RangeError('a composition needs an element on every site')
    atoms[element]++
  }
  return fromAtomCounts(atoms)
}

/**
 * Composition of a plain object, element symbol -> number of atoms, as in `{"Na": 1, "Cl": 1}`.
 * Throws CrystalError `unparsable`, `unknown_element` or `no_sites`.
 */
export function parseComposition(value: unknown, field = 'composition'): Composition {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new CrystalError('unparsable', `${field} is ${quote(value)}`, 'write {"Na": 1, "Cl": 1}', field)
  }
  const atoms = new Uint32Array(ELEMENT_COUNT)
  for (const [symbol, count] of Object.entries(value)) {
    const element = requireElement(symbol, field)
    if (!Number.isInteger(count) || count < 1 || count > MAX_COUNT) {
      const fix = `write a whole number of atoms from 1 to ${MAX_COUNT}`
      throw new CrystalError('unparsable', `${field}.${symbol} is ${quote(count)}`, fix, `${field}.${symbol}`)
    }
    atoms[element] = count
  }
  const composition = fromAtomCounts(atoms)
  if (composition.elements.length === 0) {
    throw new CrystalError('no_sites', `${field} is empty`, 'name at least one element', field)
  }
  return composition
}

/** Most atoms of one element that a composition from outside may state. */
export const MAX_COUNT = 10_000

/**
 * Element indices of a list of symbols. Throws CrystalError `unparsable`, `unknown_element`, or `partial_occupancy` where
 * an entry is an object such as `{"Fe": 0.5, "Co": 0.5}`.
 */
export function parseSpecies(value: unknown, field = 'species'): Uint8Array {
  if (!Array.isArray(value)) {
    throw new CrystalError('unparsable', `${field} is ${quote(value)}`, 'write a list of element symbols', field)
  }
  const species = new Uint8Array(value.length)
  for (let site = 0; site < value.length; site++) {
    const symbol: unknown = value[site]
    const index = typeof symbol === 'string' ? elementIndex(symbol) : undefined
    species[site] = index ?? requireElement(symbol, `${field}[${site}]`)
  }
  return species
}

/** Element index of a symbol from outside. Throws CrystalError as `parseSpecies` does. */
export function requireElement(symbol: unknown, field: string): number {
  if (typeof symbol === 'object' && symbol !== null) {
    const fix = 'put exactly one element symbol on each site; mixed or partly filled sites cannot be used'
    throw new CrystalError('partial_occupancy', `${field} is ${quote(symbol)}`, fix, field)
  }
  if (typeof symbol !== 'string') {
    throw new CrystalError('unparsable', `${field} is ${quote(symbol)}`, 'write an element symbol such as "Fe"', field)
  }
  const index = elementIndex(symbol)
  if (index === undefined) {
    const fix = 'use one of the 88 symbols H-Bi without Ar, Ac, Th, Pa, U, Np, Pu, spelled as in "Fe"'
    throw new CrystalError('unknown_element', `${field}: ${quote(symbol)} is not an element of the set`, fix, field)
  }
  return index
}

/**
 * Counts divided by their greatest common divisor, elements in alphabetical order, 1 omitted: "FLi". The
 * `reduced_formula` of the data sets.
 */
export function reducedFormula(composition: Composition): string {
  const { elements, counts } = composition
  const divisor = countsDivisor(counts)
  return Array.from(elements, (element, i) => ({ symbol: SYMBOLS[element], count: counts[i] / divisor }))
    .sort((a, b) => (a.symbol < b.symbol ? -1 : 1))
    .map(({ symbol, count }) => symbol + countText(count))
    .join('')
}

/** The reduced formula without its elements: letters in order of ascending count, "AB2C4". */
export function anonymousFormula(composition: Composition): string {
  const divisor = countsDivisor(composition.counts)
  return Array.from(composition.counts, (count) => count / divisor)
    .sort((a, b) => a - b)
    .map((count, i) => anonymousSymbol(i) + countText(count))
    .join('')
}

/** Greatest common divisor of the counts; 0 of none. */
export function countsDivisor(counts: Uint32Array): number {
  let divisor = 0
  for (const count of counts) {
    let remainder = count
    while (remainder !== 0) [divisor, remainder] = [remainder, divisor % remainder]
    if (divisor === 1) break
  }
  return divisor
}

function fromAtomCounts(atoms: Uint32Array): Composition {
  const elements = new Uint8Array(ELEMENT_COUNT)
  const counts = new Uint32Array(ELEMENT_COUNT)
  let kinds = 0
  for (let element = 0; element < ELEMENT_COUNT; element++) {
    if (atoms[element] === 0) continue
    elements[kinds] = element
    counts[kinds++] = atoms[element]
  }
  return { elements: elements.slice(0, kinds), counts: counts.slice(0, kinds) }
}

const countText = (count: number) => (count === 1 ? '' : String(count))

/** A, B, ... Z, Aa, Ab, ... */
function anonymousSymbol(i: number): string {
  const letter = String.fromCharCode((i % 26) + (i < 26 ? 65 : 97))
  return i < 26 ? letter : String.fromCharCode(64 + Math.floor(i / 26)) + letter
}
