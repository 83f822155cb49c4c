import { cifText, poscarText, SYMBOLS } from '@unitcell/datasets'
import type { Request } from '@unitcell/protocol'
import type { Episode } from '../mdp/episode.js'

/** The crystal of an episode as it stands, as text for other programs; unfilled sites are `X` (JSON: null). */
export function renderStructure(episode: Episode, format: Request<'render'>['format']): string {
  const { lattice, fracCoords } = episode.graph
  const structure = { lattice, fracCoords, species: episode.elements }
  const name = `unitcell-seed-${episode.seed}`
  switch (format) {
    case 'cif':
      return cifText(structure, name)
    case 'poscar':
      return poscarText(structure, name)
    case 'json':
      return JSON.stringify({
        lattice: triples(lattice),
        frac_coords: triples(fracCoords),
        species: Array.from(episode.elements, (element) => SYMBOLS[element] ?? null),
      })
  }
}

function triples(values: Float64Array): number[][] {
  return Array.from({ length: values.length / 3 }, (_, row) => [...values.subarray(3 * row, 3 * row + 3)])
}
