import { type Coincidence, checkSkeleton, checkVolume, coincidence, type CheckOptions } from '../crystal/checks.js'
import { requireElement } from '../crystal/composition.js'
import { CrystalError, quote } from '../crystal/crystal-error.js'
import { elementIndex } from '../crystal/elements.js'
import { GeometryError } from '../crystal/geometry-error.js'
import { latticeFromParameters } from '../crystal/lattice.js'
import type { Crystal, Lattice, Structure } from '../crystal/structure.js'
import { type CifBlock, type CifValue, parseCifSyntax } from './cif-syntax.js'
import { parseSpaceGroup } from './crystals-jsonl.js'
import { type SymmetryOperation, applyOperation, parseOperation } from './cif-symmetry.js'

/** An occupancy that differs from 1 by more is partial. */
const OCCUPANCY_TOLERANCE = 1e-3

/**
 * The crystals of a CIF text, one for each block that lists atoms; ids are the block names. Throws CrystalError of the
 * first block that cannot be read; use `parseCifSyntax` and `crystalFromCif` to go on with the others.
 */
export function parseCif(text: string, options: CheckOptions = {}): Crystal[] {
  const blocks = parseCifSyntax(text).filter(hasAtoms)
  if (blocks.length > 0) return blocks.map((block) => crystalFromCif(block, options))
  throw new CrystalError('no_sites', 'the CIF lists no atoms', 'give a loop with _atom_site_fract_x, _y and _z')
}

/** Whether a block lists atoms; others hold a bibliography or settings. */
export function hasAtoms(block: CifBlock): boolean {
  return block.columns.has('_atom_site_fract_x') || block.columns.has('_atom_site_label')
}

/**
 * The crystal of one block: the listed sites and all their images under its symmetry operations, each atom once. Images of a
 * site closer than `MIN_DISTANCE_ANGSTROM` are one atom at their mean (a special position given to few digits); a listed
 * site that is such an image of an earlier one of the same element is left out. D and T are H. Throws CrystalError.
 */
export function crystalFromCif(block: CifBlock, options: CheckOptions = {}): Crystal {
  const lattice = readLattice(block)
  checkVolume(lattice)
  const structure = expandSites(lattice, readSites(block), readOperations(block))
  checkSkeleton(structure, options)
  return {
    id: block.name,
    structure,
    spaceGroup: readSpaceGroup(block),
    labels: { totalEnergyRy: null, bandGapEv: null, formationEnergyEvPerAtom: null },
    extra: {},
  }
}

interface ListedSite {
  readonly element: number
  readonly position: Float64Array
}

function readLattice(block: CifBlock): Lattice {
  const length = (name: string) => {
    const value = cellValue(block, `_cell_length_${name}`, null)
    if (value > 0) return value
    throw new CrystalError('no_volume', `_cell_length_${name} is ${value}`, 'give lengths above 0 in angstrom')
  }
  const angle = (name: string) => cellValue(block, `_cell_angle_${name}`, 90)
  const lengths = [length('a'), length('b'), length('c')] as const
  const angles = [angle('alpha'), angle('beta'), angle('gamma')] as const
  try {
    return latticeFromParameters([...lengths, ...angles])
  } catch (error) {
    if (!(error instanceof GeometryError)) throw error
    const fix = 'give angles in degrees that can meet in a corner'
    throw new CrystalError('no_volume', `cell angles ${angles.join(', ')} span no volume`, fix, '_cell_angle_alpha')
  }
}

/** `missing`: the value where the tag is absent, as the CIF dictionary says; null where it is required. */
function cellValue(block: CifBlock, tag: string, missing: number | null): number {
  const values = block.columns.get(tag)
  if (values === undefined && missing !== null) return missing
  return parseCifNumber(values?.[0] ?? null, tag, tag)
}

function readSites(block: CifBlock): ListedSite[] {
  const column = (name: string) => block.columns.get(`_atom_site_${name}`)
  const coordinates = ['x', 'y', 'z'].map((axis) => {
    const tag = `_atom_site_fract_${axis}`
    const values = block.columns.get(tag)
    if (values === undefined) {
      throw new CrystalError('unparsable', `${tag} is missing`, 'give the fractional coordinates of every site', tag)
    }
    return values
  })
  const symbols = column('type_symbol')
  const labels = column('label')
  const occupancies = column('occupancy')
  const hydrogens = column('attached_hydrogens')
  const formula = block.columns.get('_chemical_formula_sum')?.[0] ?? null

  return coordinates[0].map((_, i) => {
    const name = labels?.[i] ?? symbols?.[i] ?? `number ${i + 1}`
    const occupancy = occupancies?.[i] ?? null
    if (occupancy !== null)
      checkOccupancy(parseCifNumber(occupancy, '_atom_site_occupancy', `occupancy of ${name}`), name)
    const attached = hydrogens?.[i] ?? null
    if (attached !== null && Number(attached) !== 0) {
      const what = `site ${name} has ${attached} attached hydrogens without positions`
      throw new CrystalError('unparsable', what, 'list every atom', '_atom_site_attached_hydrogens')
    }
    const position = coordinates.map((values, axis) => {
      const tag = `_atom_site_fract_${'xyz'[axis]}`
      return parseCifNumber(values[i] ?? null, tag, `${tag} of site ${name}`)
    })
    return {
      element: readElement(symbols?.[i] ?? labels?.[i] ?? null, name, formula),
      position: Float64Array.from(position),
    }
  })
}

function checkOccupancy(occupancy: number, name: string): void {
  if (Math.abs(occupancy - 1) <= OCCUPANCY_TOLERANCE) return
  const what = `site ${name} has occupancy ${occupancy}`
  const fix = 'only ordered crystals can be used: put exactly one atom on each site'
  throw new CrystalError('partial_occupancy', what, fix, '_atom_site_occupancy')
}

/** Element index of `Fe`, `Fe3+`, `FE1`, `O2-`, `Na(1)`, `Ow`, `D`. */
function readElement(text: CifValue, name: string, formula: string | null): number {
  const letters = /^[A-Za-z]{1,2}/.exec(text ?? '')?.[0]
  if (letters === undefined) {
    const fix = 'give an _atom_site_type_symbol such as Fe'
    throw new CrystalError('unparsable', `site ${name} has no element symbol`, fix, '_atom_site_type_symbol')
  }
  const one = letters[0].toUpperCase()
  const two = one + letters.slice(1).toLowerCase()
  const inFormula = (symbol: string) => formula !== null && new RegExp(`${symbol}(?![a-z])`).test(formula)
  // Two capitals can be either: CA1 is calcium, or the first of several carbons. The formula decides where there is one.
  const twoCapitals = letters.length === 2 && letters === letters.toUpperCase()
  const symbol = twoCapitals && inFormula(one) && !inFormula(two) ? one : two
  const known = elementIndex(symbol)
  if (known !== undefined) return known
  if (one === 'D' || one === 'T') return requireElement(/^(D|T)$/.test(symbol) ? 'H' : symbol, `site ${name}`)
  return (/^O[hw]$|^Hw$/.test(symbol) ? elementIndex(one) : undefined) ?? requireElement(symbol, `site ${name}`)
}

function readSpaceGroup(block: CifBlock): number | null {
  for (const tag of ['_space_group_it_number', '_symmetry_int_tables_number']) {
    const value = block.columns.get(tag)?.[0] ?? null
    if (value !== null) return parseSpaceGroup(Number(value), tag)
  }
  return null
}

function readOperations(block: CifBlock): SymmetryOperation[] {
  for (const tag of ['_space_group_symop_operation_xyz', '_symmetry_equiv_pos_as_xyz']) {
    const values = block.columns.get(tag)
    if (values !== undefined) return values.map((value) => parseOperation(value, tag))
  }
  const group = ['_space_group_name_h-m_alt', '_symmetry_space_group_name_h-m', '_space_group_name_hall']
    .map((tag) => block.columns.get(tag)?.[0] ?? null)
    .find((name) => name !== null)
  const number = readSpaceGroup(block) ?? 1
  if (number === 1 && (group === undefined || /^'?P\s*1$/i.test(group.trim()))) return [parseOperation('x,y,z', '')]
  const what = `the space group is ${group ?? number}, but no symmetry operations are listed`
  const fix = 'list them under _space_group_symop_operation_xyz, or list all atoms and name the group P 1'
  throw new CrystalError('unparsable', what, fix, '_space_group_symop_operation_xyz')
}

/** The images of one listed site so far: sums of merged positions and how many were merged. */
interface Orbit {
  readonly element: number
  readonly positions: Float64Array[]
  readonly merged: number[]
}

function expandSites(
  lattice: Lattice,
  sites: readonly ListedSite[],
  operations: readonly SymmetryOperation[],
): Structure {
  const coincide = coincidence(lattice)
  const orbits: Orbit[] = []
  const listed: Float64Array[] = []
  for (const { element, position } of sites) {
    // Listed twice outright is an error that the checks will name; listed although symmetry gives it is a habit of some programs.
    const repeatsListed = listed.some((other) => coincide(other, 0, position, 0))
    listed.push(position)
    const isImage = orbits.some((orbit) => orbit.element === element && indexOfImage(orbit, position, coincide) >= 0)
    if (isImage && !repeatsListed) continue
    orbits.push(orbitOf(element, position, operations, coincide))
  }
  return {
    lattice,
    fracCoords: Float64Array.from(orbits.flatMap(({ positions }) => positions.flatMap((position) => [...position]))),
    species: Uint8Array.from(orbits.flatMap(({ element, positions }) => positions.map(() => element))),
  }
}

function orbitOf(
  element: number,
  position: Float64Array,
  operations: readonly SymmetryOperation[],
  coincide: Coincidence,
): Orbit {
  const orbit: Orbit = { element, positions: [], merged: [] }
  for (const operation of operations) {
    const image = applyOperation(operation, position)
    const known = indexOfImage(orbit, image, coincide)
    if (known < 0) {
      orbit.positions.push(image)
      orbit.merged.push(1)
      continue
    }
    const mean = orbit.positions[known]
    const weight = 1 / ++orbit.merged[known]
    for (let axis = 0; axis < 3; axis++) {
      const difference = image[axis] - mean[axis]
      mean[axis] += weight * (difference - Math.round(difference))
    }
  }
  return orbit
}

function indexOfImage(orbit: Orbit, position: Float64Array, coincide: Coincidence): number {
  return orbit.positions.findIndex((known) => coincide(known, 0, position, 0))
}

/** `0.333(2)`, `-1.5e-3`, `.25`; `what` names the value in the message. Throws CrystalError `unparsable`. */
function parseCifNumber(text: CifValue, tag: string, what: string): number {
  const match = /^([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)(?:\(\d+\))?$/.exec(text ?? '')
  const number = match === null ? NaN : Number(match[1])
  // Adding 0 turns -0 into 0, so that equal crystals have equal bytes.
  if (Number.isFinite(number)) return number + 0
  const found = text === null ? 'missing or unknown' : quote(text)
  throw new CrystalError('unparsable', `${what} is ${found}`, 'give a number such as 0.25 or 0.333(2)', tag)
}
