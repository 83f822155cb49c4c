import { parseSpecies } from '../crystal/composition.js'
import { type CheckOptions, checkSkeleton } from '../crystal/checks.js'
import { CrystalError, quote } from '../crystal/crystal-error.js'
import { SYMBOLS } from '../crystal/elements.js'
import type { Crystal, Labels, Lattice } from '../crystal/structure.js'
import { writeText } from './text-file.js'

/** Where a label stands in a line of Crystals JSONL. */
const LABEL_FIELDS = {
  totalEnergyRy: 'total_energy_ry',
  bandGapEv: 'band_gap_ev',
  formationEnergyEvPerAtom: 'formation_energy_ev_per_atom',
} as const satisfies Record<keyof Labels, string>

export interface ParseCrystalOptions extends CheckOptions {
  /** Id of a crystal that states none. */
  readonly defaultId?: string
}

/**
 * One line of Crystals JSONL, as text or as the object it holds:
 * `id`, `lattice` (3x3, rows, angstrom), `frac_coords` (N x 3), `species` (N symbols), and optionally `space_group`,
 * `band_gap_ev`, `total_energy_ry`, `formation_energy_ev_per_atom` (a number, null or absent); every other field goes
 * into `extra`. Throws CrystalError.
 */
export function parseCrystal(line: unknown, options: ParseCrystalOptions = {}): Crystal {
  const { id, lattice, frac_coords, species, space_group, ...others } = parseObject(line)
  const structure = {
    lattice: parseLattice(lattice),
    fracCoords: parseFracCoords(frac_coords),
    species: parseSpecies(species),
  }
  const sites = structure.fracCoords.length / 3
  if (structure.species.length !== sites) {
    const what = `species has ${structure.species.length} symbols, frac_coords ${sites} positions`
    throw new CrystalError('unparsable', what, 'give one symbol for each position', 'species')
  }
  checkSkeleton(structure, options)
  return {
    id: parseId(id, options.defaultId),
    structure,
    spaceGroup: parseSpaceGroup(space_group, 'space_group'),
    ...splitLabels(others),
  }
}

/** A crystal as the plain object of its line in Crystals JSONL. */
export function crystalRecord(crystal: Crystal): Record<string, unknown> {
  const { id, structure, spaceGroup, labels, extra } = crystal
  return {
    ...extra,
    id,
    lattice: triples(structure.lattice),
    frac_coords: triples(structure.fracCoords),
    species: Array.from(structure.species, (element) => SYMBOLS[element]),
    space_group: spaceGroup,
    band_gap_ev: labels.bandGapEv,
    total_energy_ry: labels.totalEnergyRy,
    formation_energy_ev_per_atom: labels.formationEnergyEvPerAtom,
  }
}

/** Writes a Crystals JSONL file, gzip if its name ends in `.gz`; it appears only when complete. */
export async function writeCrystals(file: string, crystals: Iterable<Crystal>): Promise<void> {
  let text = ''
  for (const crystal of crystals) text += `${JSON.stringify(crystalRecord(crystal))}\n`
  await writeText(file, text)
}

/** International space group number from outside; undefined and null are null. Throws CrystalError `unparsable`. */
export function parseSpaceGroup(value: unknown, field: string): number | null {
  if (value === undefined || value === null) return null
  if (Number.isInteger(value) && (value as number) >= 1 && (value as number) <= 230) return value as number
  const fix = 'write an international number from 1 to 230, or null'
  throw new CrystalError('unparsable', `${field} is ${quote(value)}`, fix, field)
}

function parseObject(line: unknown): Record<string, unknown> {
  let value = line
  if (typeof line === 'string') {
    try {
      value = JSON.parse(line)
    } catch (error) {
      const what = `the line is not JSON: ${(error as Error).message}`
      throw new CrystalError('unparsable', what, 'write one JSON object a line')
    }
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new CrystalError('unparsable', `the line holds ${quote(value)}`, 'write one JSON object a line')
  }
  return value as Record<string, unknown>
}

function parseId(id: unknown, defaultId: string | undefined): string {
  if (typeof id === 'string' && id !== '') return id
  if (typeof id === 'number') return String(id)
  if ((id === undefined || id === null) && defaultId !== undefined) return defaultId
  throw new CrystalError('unparsable', `id is ${quote(id)}`, 'write a text that names the crystal', 'id')
}

function parseLattice(value: unknown): Lattice {
  const lattice = parseTriples(value, 'lattice')
  if (lattice.length === 9) return lattice
  const fix = 'give three cell vectors [x, y, z] in angstrom'
  throw new CrystalError('unparsable', `lattice has ${lattice.length / 3} rows`, fix, 'lattice')
}

function parseFracCoords(value: unknown): Float64Array {
  return parseTriples(value, 'frac_coords')
}

/** A list of [x, y, z], flat. */
function parseTriples(value: unknown, field: string): Float64Array {
  if (!Array.isArray(value)) {
    throw new CrystalError('unparsable', `${field} is ${quote(value)}`, 'write a list of [x, y, z]', field)
  }
  const numbers = new Float64Array(3 * value.length)
  for (let row = 0; row < value.length; row++) {
    const triple: unknown = value[row]
    if (!Array.isArray(triple) || triple.length !== 3 || !triple.every(Number.isFinite)) {
      const at = `${field}[${row}]`
      throw new CrystalError('unparsable', `${at} is ${quote(triple)}`, 'write three finite numbers [x, y, z]', at)
    }
    // Adding 0 turns -0 into 0, so that equal crystals have equal bytes.
    for (let axis = 0; axis < 3; axis++) numbers[3 * row + axis] = (triple as number[])[axis] + 0
  }
  return numbers
}

/** The labels, and the fields that are none. */
function splitLabels(fields: Record<string, unknown>): Pick<Crystal, 'labels' | 'extra'> {
  const extra = { ...fields }
  const label = (key: keyof Labels): number | null => {
    const field = LABEL_FIELDS[key]
    const value = extra[field]
    delete extra[field]
    if (value === undefined || value === null) return null
    if (typeof value === 'number' && Number.isFinite(value)) return value
    throw new CrystalError('unparsable', `${field} is ${quote(value)}`, 'write a number or null', field)
  }
  const labels: Labels = {
    totalEnergyRy: label('totalEnergyRy'),
    bandGapEv: label('bandGapEv'),
    formationEnergyEvPerAtom: label('formationEnergyEvPerAtom'),
  }
  return { labels, extra }
}

function triples(numbers: Float64Array): number[][] {
  return Array.from({ length: numbers.length / 3 }, (_, row) => Array.from(numbers.subarray(3 * row, 3 * row + 3)))
}
