import { checkSkeleton, checkVolume, type CheckOptions } from '../crystal/checks.js'
import { requireElement } from '../crystal/composition.js'
import { CrystalError, quote } from '../crystal/crystal-error.js'
import { elementIndex } from '../crystal/elements.js'
import { cartesianToFrac, determinant } from '../crystal/lattice.js'
import type { Lattice, Structure } from '../crystal/structure.js'
import { isNumber, parseNumber } from './number-text.js'

/** Lines of a POSCAR that come before its elements. */
const LATTICE_LINE = 3

/**
 * The structure of a POSCAR, VASP 4 or 5: a scale, or with a minus sign the volume in cubic angstrom, or a scale for
 * each of x, y and z; selective dynamics are passed over, and so is what follows the positions. VASP 4 does not name
 * elements: they are taken from the ends of the position lines, where pymatgen writes them, else from the comment, where
 * VASP's users do. Throws CrystalError.
 *
 * Source: VASP manual, "POSCAR".
 */
export function parsePoscar(text: string, options: CheckOptions = {}): Structure {
  const lines = text.replace(/^\uFEFF/, '').split(/\r\n|\n|\r/)
  const words = (line: number) => (lines[line - 1] ?? '').trim().split(/\s+/).filter(Boolean)
  const rows = [0, 1, 2].map((k) => numbers(words(LATTICE_LINE + k), LATTICE_LINE + k, 'a cell vector', 3))
  const scale = readScale(words(2), Float64Array.from(rows.flat()))
  const lattice: Lattice = Float64Array.from(rows.flatMap((row) => row.map((x, axis) => x * scale[axis])))
  checkVolume(lattice)

  let line = LATTICE_LINE + 3
  const named = words(line).length > 0 && !words(line).every(isCount)
  const symbols = named ? words(line++) : null
  const counts = words(line).map(Number)
  if (counts.length === 0 || !words(line).every(isCount)) {
    throw poscarError(line, `the numbers of atoms are ${quote(words(line).join(' '))}`, 'write one for each element')
  }
  if (symbols && symbols.length !== counts.length) {
    const what = `${symbols.length} elements have ${counts.length} numbers of atoms`
    throw poscarError(line, what, 'write a number of atoms for each element')
  }
  const countLine = line++
  if (/^s/i.test(words(line)[0] ?? '')) line++
  const cartesian = isCartesian(words(line)[0] ?? '', line)
  const first = line + 1

  const sites = counts.reduce((sum, n) => sum + n, 0)
  if (sites > lines.length) {
    throw poscarError(countLine, `${sites} atoms are announced in ${lines.length} lines`, 'list every atom')
  }
  const positions = new Float64Array(3 * sites)
  for (let i = 0; i < sites; i++) {
    const position = numbers(words(first + i).slice(0, 3), first + i, `the position of atom ${i + 1} of ${sites}`, 3)
    positions.set(cartesian ? position.map((x, axis) => x * scale[axis]) : position, 3 * i)
  }
  const species = symbols
    ? symbols.flatMap((symbol, k) => Array<number>(counts[k]).fill(readSymbol(symbol, countLine - 1)))
    : (elementsOfPositions(sites, (i) => words(first + i)) ?? elementsOfComment(words(1), counts))
  const structure = {
    lattice,
    fracCoords: cartesian ? cartesianToFrac(positions, lattice) : positions,
    species: Uint8Array.from(species),
  }
  checkSkeleton(structure, options)
  return structure
}

/** Whether lines of text begin like a POSCAR: after the comment a scale and three cell vectors. */
export function looksLikePoscar(lines: readonly string[]): boolean {
  const numbersOn = (line: string | undefined) => {
    const words = (line ?? '').trim().split(/\s+/)
    return words.every(isNumber) ? words.length : 0
  }
  return (
    [1, 3].includes(numbersOn(lines[1])) && lines.slice(2, 5).every((line) => numbersOn(line) === 3) && lines.length > 5
  )
}

/** Factors of x, y and z. */
function readScale(words: readonly string[], lattice: Lattice): number[] {
  const scale = numbers(words.slice(0, 3).filter(isNumber), 2, 'the scale', null)
  if (scale.length === 3 && scale.every((factor) => factor > 0)) return scale
  if (scale.length !== 1 || scale[0] === 0) {
    throw poscarError(2, `the scale is ${quote(words.join(' '))}`, 'write one number, or three above 0')
  }
  const [factor] = scale
  // A negative number is the volume that the cell is to have.
  const uniform = factor > 0 ? factor : Math.cbrt(-factor / Math.abs(determinant(lattice)))
  return [uniform, uniform, uniform]
}

function isCartesian(word: string, line: number): boolean {
  if (/^[ck]/i.test(word)) return true
  if (/^d/i.test(word)) return false
  throw poscarError(line, `the kind of coordinates is ${quote(word)}`, 'write Direct or Cartesian')
}

/** `Fe`, or `Fe_pv` and `Fe/1a2b3c` as VASP 6 writes the names of its potentials. */
function readSymbol(text: string, line: number): number {
  return requireElement(text.replace(/[_/].*$/, ''), `POSCAR line ${line}: element`)
}

/** Elements that stand behind the position, or the position and three flags, of every atom; null where they do not. */
function elementsOfPositions(sites: number, wordsOf: (site: number) => string[]): number[] | null {
  const elements = Array.from({ length: sites }, (_, i) => {
    const words = wordsOf(i)
    return elementIndex(words[words.length >= 7 ? 6 : words.length === 4 ? 3 : -1] ?? '')
  })
  return elements.every((element) => element !== undefined) ? elements : null
}

/** Elements named on the first line: `Mg O`, or `Mg2 O4` with numbers that agree with those of the atoms. */
function elementsOfComment(words: readonly string[], counts: readonly number[]): number[] {
  const parts = words.map((word) => /^([A-Z][a-z]?)(\d*)$/.exec(word))
  const agrees =
    parts.length === counts.length &&
    parts.every(
      (part, k) => part && elementIndex(part[1]) !== undefined && (part[2] === '' || Number(part[2]) === counts[k]),
    )
  if (agrees) return parts.flatMap((part, k) => Array<number>(counts[k]).fill(elementIndex(part![1])!))
  const what = 'this VASP 4 file names no elements, neither in its comment nor behind the positions'
  throw poscarError(6, what, 'write the symbols on a line of their own above the numbers of atoms')
}

const isCount = (word: string) => /^\d+$/.test(word) && Number(word) > 0

/** The numbers that words are; `length`: how many there must be. */
function numbers(words: readonly string[], line: number, what: string, length: number | null): number[] {
  if (length !== null && words.length < length) {
    throw poscarError(line, `${what} is ${quote(words.join(' '))}`, `write ${length} numbers`)
  }
  return words.slice(0, length ?? words.length).map((word) => {
    const value = parseNumber(word)
    if (value === null) throw poscarError(line, `${what} holds ${quote(word)}`, 'write numbers such as 0.25')
    return value
  })
}

function poscarError(line: number, what: string, fix: string): CrystalError {
  return new CrystalError('unparsable', `POSCAR line ${line}: ${what}`, fix)
}
