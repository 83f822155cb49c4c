import { SYMBOLS } from '../crystal/elements.js'
import { cellParameters } from '../crystal/lattice.js'
import type { Skeleton } from '../crystal/structure.js'

/** Symbol of a site without an element: the dummy atom that viewers know. */
const DUMMY = 'X'

/** A skeleton whose sites are filled wholly or in part. */
export interface PartialStructure extends Skeleton {
  /** N element indices; any other number marks a site without an element. */
  readonly species: ArrayLike<number>
}

const fixed = (value: number) => value.toFixed(8)

function symbols(structure: PartialStructure): string[] {
  return Array.from(structure.species, (element) => SYMBOLS[element] ?? DUMMY)
}

function position(structure: PartialStructure, site: number): string {
  return [...structure.fracCoords.subarray(3 * site, 3 * site + 3)].map(fixed).join(' ')
}

/** A structure as a CIF in space group P 1; sites without an element are the dummy `X`. */
export function cifText(structure: PartialStructure, name: string): string {
  const [a, b, c, alpha, beta, gamma] = cellParameters(structure.lattice).map(fixed)
  const sites = symbols(structure).map((symbol, site) => `  ${symbol} ${symbol}${site} ${position(structure, site)} 1`)
  return `data_${name.replace(/[^A-Za-z0-9_.-]/g, '_')}
_symmetry_space_group_name_H-M 'P 1'
_symmetry_Int_Tables_number 1
_cell_length_a ${a}
_cell_length_b ${b}
_cell_length_c ${c}
_cell_angle_alpha ${alpha}
_cell_angle_beta ${beta}
_cell_angle_gamma ${gamma}
loop_
  _symmetry_equiv_pos_as_xyz
  'x, y, z'
loop_
  _atom_site_type_symbol
  _atom_site_label
  _atom_site_fract_x
  _atom_site_fract_y
  _atom_site_fract_z
  _atom_site_occupancy
${sites.join('\n')}
`
}

/** A structure as a POSCAR (VASP 5, direct coordinates), its sites grouped by symbol; `X` where there is no element. */
export function poscarText(structure: PartialStructure, name: string): string {
  const bySymbol = new Map<string, number[]>()
  symbols(structure).forEach((symbol, site) => bySymbol.set(symbol, [...(bySymbol.get(symbol) ?? []), site]))
  const rows = [0, 3, 6].map((i) => [...structure.lattice.subarray(i, i + 3)].map(fixed).join(' '))
  return [
    name.replaceAll('\n', ' '),
    '1.0',
    ...rows,
    [...bySymbol.keys()].join(' '),
    [...bySymbol.values()].map((sites) => sites.length).join(' '),
    'Direct',
    ...[...bySymbol.values()].flat().map((site) => position(structure, site)),
    '',
  ].join('\n')
}
