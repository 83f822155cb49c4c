import { checkSkeleton, checkVolume, type CheckOptions } from '../crystal/checks.js'
import { requireElement } from '../crystal/composition.js'
import { CrystalError, quote } from '../crystal/crystal-error.js'
import { cartesianToFrac } from '../crystal/lattice.js'
import type { Crystal, Labels, Lattice } from '../crystal/structure.js'
import { crystalRow, NO_LABELS, type CrystalRow, type RowOptions } from './crystal-row.js'
import { parseNumber } from './number-text.js'

/** Where labels stand among the keys of a frame; the names of Crystals JSONL. */
const LABEL_KEYS: Readonly<Record<string, keyof Labels>> = {
  total_energy_ry: 'totalEnergyRy',
  band_gap_ev: 'bandGapEv',
  formation_energy_ev_per_atom: 'formationEnergyEvPerAtom',
}

/** Columns of a frame that names none. */
const DEFAULT_PROPERTIES = 'species:S:1:pos:R:3'

/**
 * The crystals of an extended XYZ text, one per frame: `Lattice` (rows, angstrom), `Properties` with `species` and `pos`
 * (Cartesian, angstrom), `pbc`. A frame names itself by `id`, `material_id` or `name`; labels are the fields of Crystals
 * JSONL; other keys go into `extra`, other columns are passed over. A frame whose number of atoms cannot be read ends the
 * reading, since nobody knows where the next one begins.
 *
 * Source: the extended XYZ specification (libAtoms/extxyz).
 */
export function* extxyzRows(text: string, options: RowOptions): Generator<CrystalRow> {
  const lines = text.replace(/^\uFEFF/, '').split(/\r\n|\n|\r/)
  for (let at = 0; at < lines.length;) {
    const line = at + 1
    const first = lines[at].trim()
    if (first === '') {
      at++
      continue
    }
    const atoms = /^\d+$/.test(first) ? Number(first) : NaN
    if (!(atoms >= 0 && at + 2 + atoms <= lines.length)) {
      const what = Number.isNaN(atoms)
        ? `${quote(first)} is no number of atoms: the file cannot be read from here on`
        : `the frame ends before its ${atoms} atoms do`
      yield { line, error: extxyzError(line, what, 'begin each frame with its number of atoms, and list them all') }
      return
    }
    const frame = { line, comment: lines[at + 1], atoms: lines.slice(at + 2, at + 2 + atoms) }
    yield crystalRow(
      line,
      () => readFrame(frame, options),
      () => statedId(parseKeys(frame.comment)),
    )
    at += 2 + atoms
  }
}

/** Whether lines of text begin like extended XYZ. */
export function looksLikeExtxyz(lines: readonly string[]): boolean {
  return /^\s*\d+\s*$/.test(lines[0] ?? '') && /(^|\s)(Lattice|Properties)\s*=/i.test(lines[1] ?? '')
}

interface Frame {
  /** That of the number of atoms, from 1. */
  readonly line: number
  readonly comment: string
  readonly atoms: readonly string[]
}

function readFrame({ line, comment, atoms }: Frame, options: RowOptions & CheckOptions): Crystal {
  const { Lattice: cell, Properties: properties, pbc, ...others } = parseKeys(comment)
  const lattice = readLattice(cell, line + 1)
  checkVolume(lattice)
  if (pbc !== undefined && !/^\W*(?:(?:T|True|1)[\s,]*){3}\W*$/i.test(pbc)) {
    const fix = 'only crystals, periodic in all three directions, can be used'
    throw extxyzError(line + 1, `pbc is ${quote(pbc)}`, fix)
  }
  const columns = readColumns(properties ?? DEFAULT_PROPERTIES, line + 1)
  const positions = new Float64Array(3 * atoms.length)
  const species = new Uint8Array(atoms.length)
  atoms.forEach((text, i) => {
    const words = text.trim().split(/\s+/)
    const place = line + 2 + i
    if (words.length < columns.width) {
      throw extxyzError(
        place,
        `the atom has ${words.length} columns, not ${columns.width}`,
        'give what Properties names',
      )
    }
    species[i] = requireElement(words[columns.species], `extended XYZ line ${place}: species`)
    for (let axis = 0; axis < 3; axis++) {
      positions[3 * i + axis] = numberAt(words[columns.position + axis], place, 'a position')
    }
  })
  const structure = { lattice, fracCoords: cartesianToFrac(positions, lattice), species }
  checkSkeleton(structure, options)
  const labels: Record<keyof Labels, number | null> = { ...NO_LABELS }
  const extra: Record<string, unknown> = {}
  for (const [key, value] of Object.entries(others)) {
    if (Object.hasOwn(LABEL_KEYS, key)) labels[LABEL_KEYS[key]] = numberAt(value, line + 1, key)
    else if (!ID_KEYS.includes(key)) extra[key] = typed(value)
  }
  return { id: statedId(others) ?? `${options.stem}-${line}`, structure, spaceGroup: null, labels, extra }
}

const ID_KEYS = ['id', 'material_id', 'name']

function statedId(keys: Readonly<Record<string, string>>): string | undefined {
  return ID_KEYS.map((key) => keys[key]).find((id) => id !== undefined && id !== '')
}

function readLattice(cell: string | undefined, line: number): Lattice {
  if (cell === undefined) {
    const fix = 'write Lattice="ax ay az bx by bz cx cy cz" in angstrom; plain XYZ holds no crystal'
    throw extxyzError(line, 'the frame has no Lattice', fix)
  }
  const words = cell.trim().split(/[\s,]+/)
  if (words.length === 9) return Float64Array.from(words, (word) => numberAt(word, line, 'Lattice'))
  throw extxyzError(line, `Lattice holds ${words.length} numbers`, 'write the nine of the three cell vectors')
}

/** Where species and position are among the words of an atom, and how many words there are. */
function readColumns(properties: string, line: number): { species: number; position: number; width: number } {
  const parts = properties.split(':')
  let [species, position, width] = [-1, -1, 0]
  for (let k = 0; k + 2 < parts.length; k += 3) {
    const [name, type, count] = [parts[k].toLowerCase(), parts[k + 1], Number(parts[k + 2])]
    if (!Number.isInteger(count) || count < 1) throw malformed()
    if (name === 'species' && type === 'S' && count === 1) species = width
    if (name === 'pos' && type === 'R' && count === 3) position = width
    width += count
  }
  if (parts.length % 3 !== 0 || species < 0 || position < 0) throw malformed()
  return { species, position, width }

  function malformed(): CrystalError {
    const fix = `write triples of name, type and columns, species:S:1 and pos:R:3 among them`
    return extxyzError(line, `Properties is ${quote(properties)}`, fix)
  }
}

/** `key=value` with a bare or quoted value; a key alone is true. */
function parseKeys(comment: string): Record<string, string> {
  const pattern =
    /([^\s=,"']+)(?:\s*=\s*(?:"((?:\\.|[^"\\])*)"|'((?:\\.|[^'\\])*)'|\{([^}]*)\}|(\[[^\]]*\])|([^\s,]+)))?/g
  const keys: Record<string, string> = {}
  for (const [, key, double, single, braces, brackets, bare] of comment.matchAll(pattern)) {
    const value = (double ?? single)?.replace(/\\(.)/g, '$1') ?? braces ?? brackets ?? bare ?? 'T'
    // The specification's keys are found in any case.
    const known = ['Lattice', 'Properties', 'pbc'].find((name) => name.toLowerCase() === key.toLowerCase())
    keys[known ?? key] = value
  }
  return keys
}

/** The number or truth value that a text is, or the text. */
function typed(value: string): unknown {
  if (/^(T|True|F|False)$/i.test(value)) return /^t/i.test(value)
  return parseNumber(value) ?? value
}

function numberAt(text: string, line: number, what: string): number {
  const value = parseNumber(text)
  if (value !== null) return value
  throw extxyzError(line, `${what} holds ${quote(text)}`, 'write numbers such as 0.25')
}

function extxyzError(line: number, what: string, fix: string): CrystalError {
  return new CrystalError('unparsable', `extended XYZ line ${line}: ${what}`, fix)
}
