import { checkSkeleton, type CheckOptions } from '../crystal/checks.js'
import { requireElement } from '../crystal/composition.js'
import { CrystalError, quote } from '../crystal/crystal-error.js'
import { cartesianToFrac } from '../crystal/lattice.js'
import type { Crystal, Structure } from '../crystal/structure.js'
import { crystalRow, NO_LABELS, type CrystalRow, type RowOptions } from './crystal-row.js'
import { jsonValues } from './json-values.js'

/** An occupancy that differs from 1 by more is partial. */
const OCCUPANCY_TOLERANCE = 1e-8

type Fields = Readonly<Record<string, unknown>>

/**
 * The crystals of pymatgen's JSON: what `Structure.as_dict()` gives, a list of such, or one a line; also objects that hold
 * one as `structure`, as the Materials Project's do, which then are named by their `material_id`. Charges and oxidation
 * states are passed over; a site with a mixture or less than one atom is refused.
 */
export function* pymatgenRows(text: string, options: RowOptions): Generator<CrystalRow> {
  let index = 0
  for (const value of jsonValues(text)) {
    const { line } = value
    if ('error' in value) {
      yield { line, error: value.error }
      continue
    }
    const record = isFields(value.value) ? value.value : {}
    const inner = isFields(record.structure) ? record.structure : record
    const named = [record.material_id, record.entry_id, record.id, propertyOf(inner, 'material_id')]
    const id = named.find((name) => typeof name === 'string' && name !== '') as string | undefined
    const defaultId = index++ === 0 && value.last ? options.stem : `${options.stem}-${index}`
    yield crystalRow(
      line,
      (): Crystal => ({
        id: id ?? defaultId,
        structure: readStructure(isFields(value.value) ? inner : value.value, options),
        spaceGroup: null,
        labels: NO_LABELS,
        extra: {},
      }),
      () => id,
    )
  }
}

/** Whether a text begins like pymatgen's JSON. */
export function looksLikePymatgenJson(start: string): boolean {
  return /^\s*\[/.test(start) || (/^\s*\{/.test(start) && /"@class"\s*:|"lattice"\s*:\s*\{/.test(start.slice(0, 4096)))
}

function readStructure(value: unknown, options: CheckOptions): Structure {
  if (!isFields(value) || !isFields(value.lattice) || !Array.isArray(value.sites)) {
    const fix = 'give what Structure.as_dict() of pymatgen gives'
    throw new CrystalError('unparsable', `${quote(value)} is no structure: it has no lattice and sites`, fix)
  }
  const { matrix, pbc } = value.lattice
  if (Array.isArray(pbc) && pbc.some((periodic) => periodic === false)) {
    const fix = 'only crystals, periodic in all three directions, can be used'
    throw new CrystalError('unparsable', `lattice.pbc is ${quote(pbc)}`, fix, 'lattice.pbc')
  }
  if (!Array.isArray(matrix) || matrix.length !== 3) {
    const fix = 'give three cell vectors [x, y, z] in angstrom'
    throw new CrystalError('unparsable', `lattice.matrix is ${quote(matrix)}`, fix, 'lattice.matrix')
  }
  const lattice = Float64Array.from(matrix.flatMap((row, k) => triple(row, `lattice.matrix[${k}]`)))
  const sites = value.sites as unknown[]
  const structure = {
    lattice,
    fracCoords: Float64Array.from(sites.flatMap((site, i) => [...readPosition(site, `sites[${i}]`, lattice)])),
    species: Uint8Array.from(sites, (site, i) => readElement(site, `sites[${i}]`)),
  }
  checkSkeleton(structure, options)
  return structure
}

/** `abc`, the fractional coordinates; else `xyz`. */
function readPosition(site: unknown, field: string, lattice: Float64Array): Iterable<number> {
  const { abc, xyz } = isFields(site) ? site : {}
  if (abc === undefined && xyz !== undefined) {
    return cartesianToFrac(Float64Array.from(triple(xyz, `${field}.xyz`)), lattice)
  }
  return triple(abc, `${field}.abc`)
}

function readElement(site: unknown, field: string): number {
  const species = isFields(site) ? site.species : undefined
  if (!Array.isArray(species) || species.length === 0) {
    const fix = 'give [{"element": "Na", "occu": 1}]'
    throw new CrystalError('unparsable', `${field}.species is ${quote(species)}`, fix, `${field}.species`)
  }
  const [{ element, occu = 1 }] = species.map((part) => (isFields(part) ? part : {})) as Fields[]
  const isOne = typeof occu === 'number' && Math.abs(occu - 1) <= OCCUPANCY_TOLERANCE
  if (species.length > 1 || !isOne) {
    const what = `${field} holds ${quote(species)}`
    const fix = 'only ordered crystals can be used: put exactly one atom on each site'
    throw new CrystalError('partial_occupancy', what, fix, `${field}.species`)
  }
  return requireElement(element === 'D' || element === 'T' ? 'H' : element, `${field}.species[0].element`)
}

function triple(value: unknown, field: string): number[] {
  if (Array.isArray(value) && value.length === 3 && value.every(Number.isFinite)) return value.map((x: number) => x + 0)
  throw new CrystalError('unparsable', `${field} is ${quote(value)}`, 'write three finite numbers [x, y, z]', field)
}

function propertyOf({ properties }: Fields, key: string): unknown {
  return isFields(properties) ? properties[key] : undefined
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
