import {
  checkSkeleton,
  CrystalError,
  crystalNN,
  parseCrystal,
  skeletonSpaceGroup,
  spaceGroupNumber,
  type Skeleton,
} from '@unitcell/datasets'
import { ProtocolError, type Request } from '@unitcell/protocol'
import type { SourceCrystal } from '../mdp/prepared-crystal.js'
import type { FilledCrystal } from './session-evaluations.js'

type FilledStructure = Request<'evaluate'>['structure']
type InlineStructure = NonNullable<NonNullable<Request<'reset'>['options']>['structure']>

/**
 * The crystal, or bare skeleton, that a client sent.
 *
 * @param maxSites limit on its sites
 * @throws ProtocolError `invalid_structure`
 */
export function readInlineStructure(structure: InlineStructure, maxSites: number): SourceCrystal {
  return refusing('options.structure', () => read(structure, maxSites))
}

/**
 * A crystal that a client sent to be evaluated.
 *
 * @throws ProtocolError `invalid_structure`
 */
export function readFilledStructure(
  { lattice, frac_coords, species }: FilledStructure,
  maxSites: number,
): FilledCrystal {
  return refusing('structure', () => {
    const { structure } = parseCrystal({ id: 'inline', lattice, frac_coords, species }, { maxSites })
    return { skeleton: { origin: null, skeleton: structure }, species: structure.species }
  })
}

function refusing<T>(field: string, read: () => T): T {
  try {
    return read()
  } catch (error) {
    if (!(error instanceof Error)) throw error
    const reason = error instanceof CrystalError ? error.code : 'no_graph'
    throw new ProtocolError('invalid_structure', `${field}: ${error.message}`, { reason })
  }
}

function read({ lattice, frac_coords, species, space_group }: InlineStructure, maxSites: number): SourceCrystal {
  const skeleton: Skeleton = {
    lattice: Float64Array.from(lattice.flat()),
    fracCoords: Float64Array.from(frac_coords.flat()),
  }
  checkSkeleton(skeleton, { maxSites })
  const crystal = species ? parseCrystal({ id: 'inline', lattice, frac_coords, species }, { maxSites }) : null
  const bare = skeletonSpaceGroup(skeleton)
  return {
    origin: null,
    skeleton,
    graph: crystalNN(skeleton),
    species: crystal?.structure.species ?? null,
    labels: null,
    spaceGroup: space_group ?? (crystal === null ? bare : spaceGroupNumber(crystal.structure)),
    skeletonSpaceGroup: bare,
  }
}
