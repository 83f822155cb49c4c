import type { BareCrystal } from './crystal-table.js'

/**
 * Numbers that describe a site of a bare crystal, on a scale of about 1. Computed once per crystal; it must not depend on
 * how the sites are numbered.
 */
export interface SiteFeature {
  /** Kept in checkpoints, so that a network meets the features it was trained with. */
  readonly name: string
  /** Numbers per site. */
  readonly width: number
  /** @returns sites x width */
  compute(crystal: BareCrystal): Float32Array
}

/** Coordination number / 8, mean and smallest length of the bonds (in units of 3 angstrom) of each site. */
export const localGeometry: SiteFeature = {
  name: 'local-geometry',
  width: 3,
  compute({ fracCoords, edges, distances }) {
    const sites = fracCoords.length / 3
    const values = new Float32Array(3 * sites)
    for (let site = 0; site < sites; site++) values[3 * site + 2] = Infinity
    for (let k = 0; k < edges.length; k++) {
      const row = 3 * edges[k]
      const length = distances[k >> 1]
      values[row]++
      values[row + 1] += length
      values[row + 2] = Math.min(values[row + 2], length)
    }
    for (let row = 0; row < values.length; row += 3) {
      const bonds = values[row]
      values[row] = bonds / 8
      values[row + 1] = bonds === 0 ? 0 : values[row + 1] / bonds / 3
      values[row + 2] = bonds === 0 ? 0 : values[row + 2] / 3
    }
    return values
  },
}
