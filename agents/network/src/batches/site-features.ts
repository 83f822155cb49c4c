import type { BareCrystal } from './crystal-input.js'

/**
 * Numbers that describe a site of a crystal, on a scale of about 1. Computed once per crystal. They must not depend on how
 * the sites are numbered, nor on `species`: a feature that looks crystals up may use these to leave the crystal itself out.
 */
export interface SiteFeature {
  /** Kept in checkpoints, so that a network meets the features it was trained with. */
  readonly name: string
  /** Numbers per site. */
  readonly width: number
  /** @returns N x width */
  readonly compute: (crystal: BareCrystal) => Float32Array
}

/** Usual coordination number and bond length, by which the local geometry is divided. */
const USUAL_BONDS = 8
const USUAL_BOND_ANGSTROM = 3

/** Coordination number, mean and smallest bond length of each site; a bond to an image of the site itself counts twice. */
export const localGeometry: SiteFeature = {
  name: 'local-geometry',
  width: 3,
  compute({ fracCoords, edges, distances }) {
    const sites = fracCoords.length / 3
    const bonds = new Uint16Array(sites)
    const sums = new Float64Array(sites)
    const least = new Float64Array(sites).fill(Infinity)
    for (let k = 0; k < edges.length; k++) {
      const site = edges[k]
      const length = distances[k >> 1]
      bonds[site]++
      sums[site] += length
      least[site] = Math.min(least[site], length)
    }
    const values = new Float32Array(3 * sites)
    for (let site = 0; site < sites; site++) {
      if (bonds[site] === 0) continue
      values[3 * site] = bonds[site] / USUAL_BONDS
      values[3 * site + 1] = sums[site] / bonds[site] / USUAL_BOND_ANGSTROM
      values[3 * site + 2] = least[site] / USUAL_BOND_ANGSTROM
    }
    return values
  },
}
