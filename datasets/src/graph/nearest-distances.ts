import { cellVolume } from '../crystal/lattice.js'
import { siteCount, type Skeleton } from '../crystal/structure.js'
import { PeriodicPoints } from './periodic-points.js'

/**
 * The distances of every site to its nearest periodic sites: what a site's surroundings look like to someone who cannot
 * tell elements, and the same for every listing of the sites, origin and orientation.
 * @returns N x `count` lengths, ascending in each row, angstrom
 * @throws GeometryError coincident_sites, voronoi_failed (a cell too elongated or too empty)
 */
export function nearestDistances(skeleton: Skeleton, count: number): Float32Array {
  const sites = siteCount(skeleton)
  const distances = new Float32Array(sites * count)
  const points = new PeriodicPoints(skeleton)
  // The sphere that would hold one and a half times as many points, were they spread evenly.
  const sphereVolume = (1.5 * count * cellVolume(skeleton.lattice)) / sites
  const radius = Math.cbrt((3 * sphereVolume) / (4 * Math.PI))
  for (let site = 0; site < sites; site++) {
    points.clear()
    let [found, inner, outer] = [0, 0, radius]
    while (found < count) {
      points.addShell(site, inner, outer)
      while (found < count && points.nearestSquared < Infinity) {
        distances[site * count + found++] = Math.sqrt(points.squared[points.takeNearest()])
      }
      inner = outer
      outer *= 1.3
    }
  }
  return distances
}
