import { localGeometry, type SiteFeature } from '@unitcell/network'
import { similarCrystalsFeature, type SkeletonIndex } from '@unitcell/retrieval'
import type { FeatureName } from './training-config.js'

/** The features of these names, in this order. `index` is asked for where one of them looks crystals up. */
export function siteFeatures(names: readonly FeatureName[], index: () => SkeletonIndex): SiteFeature[] {
  return names.map((name) => (name === 'local-geometry' ? localGeometry : similarCrystalsFeature(index())))
}

/** Whether an agent has to take skeletons along. */
export function needsSkeletons(names: readonly FeatureName[]): boolean {
  return names.includes('similar-crystals')
}
