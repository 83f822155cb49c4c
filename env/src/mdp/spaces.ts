import { ELEMENT_COUNT } from '@unitcell/datasets'
import { box, type Space } from '@unitcell/protocol'

/** Discrete(88), or one of them for each environment of a vector. */
export function actionSpace(count: number | null): Space {
  if (count === null) return { type: 'Discrete', n: ELEMENT_COUNT }
  return { type: 'MultiDiscrete', nvec: Array<number>(count).fill(ELEMENT_COUNT) }
}

/**
 * The observation of one environment. `Graph` in Gymnasium's sense: a node is a site (element index and fractional
 * position), an edge carries its length in angstrom, the edge links are the site indices.
 */
export function observationSpace(): Space {
  return {
    type: 'Dict',
    spaces: {
      elements: box('uint8', [null], 0, ELEMENT_COUNT),
      focus: box('int32', [], -1),
      step: box('int32', [], 0),
      graph: {
        type: 'Dict',
        spaces: {
          structure: {
            type: 'Graph',
            node_space: box('float64', [3]),
            edge_space: box('float64', [1], 0),
          },
          lattice: box('float64', [3, 3]),
          images: box('int8', [null, 3], -128, 127),
          space_group: box('uint16', [], 1, 230),
          order: box('uint16', [null], 0),
          target: box('float64', [], 0),
        },
      },
    },
  }
}
