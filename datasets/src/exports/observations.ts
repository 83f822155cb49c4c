import { ELEMENT_COUNT, UNFILLED } from '../crystal/elements.js'
import type { Hdf5Array } from '../hdf5/datatype.js'
import type { EpisodeCrystal, ExportEpisode } from './episodes.js'

/** Element index of a place without a site, behind the last site of a crystal. */
export const PADDING = UNFILLED + 1

/** Room of the padded arrays: every crystal has at most so many sites and edges. */
export interface Room {
  readonly sites: number
  readonly edges: number
}

/** A column of observations, a row per step. */
export type ObservationArrays = Readonly<Record<string, Hdf5Array>>

/**
 * The part of an episode's N + 1 observations that does not change: cell, positions, graph, and the target. Names and
 * meaning are those of the wire (`graph` of an observation), flat and padded by zeros; masks are 1 where something is.
 */
export function staticObservations(crystal: EpisodeCrystal, room: Room, target: number | null): ObservationArrays {
  const { sites, skeleton, graph, spaceGroup } = crystal
  const rows = sites + 1
  const edges = graph.distances.length
  const repeated = <T extends Hdf5Array['data']>(first: T, filled: ArrayLike<number>): T => {
    first.set(filled as never)
    const { length } = first
    const all = new (first.constructor as new (length: number) => T)(length * rows)
    for (let row = 0; row < rows; row++) all.set(first as never, row * length)
    return all
  }
  const ones = (count: number) => new Uint8Array(count).fill(1)
  return {
    site_mask: uint8([rows, room.sites], repeated(new Uint8Array(room.sites), ones(sites))),
    lattice: float32([rows, 3, 3], repeated(new Float32Array(9), skeleton.lattice)),
    frac_coords: float32([rows, room.sites, 3], repeated(new Float32Array(3 * room.sites), skeleton.fracCoords)),
    edges: {
      dtype: 'int16',
      shape: [rows, room.edges, 2],
      data: repeated(new Int16Array(2 * room.edges), graph.edges),
    },
    images: {
      dtype: 'int8',
      shape: [rows, room.edges, 3],
      data: repeated(new Int8Array(3 * room.edges), graph.images),
    },
    distances: float32([rows, room.edges], repeated(new Float32Array(room.edges), graph.distances)),
    edge_mask: uint8([rows, room.edges], repeated(new Uint8Array(room.edges), ones(edges))),
    space_group: { dtype: 'int64', shape: [rows], data: new BigInt64Array(rows).fill(BigInt(spaceGroup)) },
    ...(target === null ? {} : { target: float32([rows, 1], new Float32Array(rows).fill(target)) }),
  }
}

/** The part that changes: the N + 1 fillings, the focus (-1 after the last step), the number of sites filled. */
export function changingObservations({ crystal, order, actions }: ExportEpisode, room: Room): ObservationArrays {
  const { sites } = crystal
  const rows = sites + 1
  const elements = new Uint8Array(rows * room.sites).fill(PADDING)
  const focus = new BigInt64Array(rows).fill(-1n)
  const step = new BigInt64Array(rows)
  elements.fill(UNFILLED, 0, sites)
  for (let row = 0; row < rows; row++) {
    step[row] = BigInt(row)
    if (row > 0) {
      elements.copyWithin(row * room.sites, (row - 1) * room.sites, row * room.sites)
      elements[row * room.sites + order[row - 1]] = actions[row - 1]
    }
    if (row < sites) focus[row] = BigInt(order[row])
  }
  return {
    elements: uint8([rows, room.sites], elements),
    focus: { dtype: 'int64', shape: [rows], data: focus },
    step: { dtype: 'int64', shape: [rows], data: step },
  }
}

/** Gymnasium spaces of the observations, as Minari serialises them. */
export function observationSpace(room: Room, hasTarget: boolean): object {
  return {
    type: 'Dict',
    subspaces: {
      edge_mask: box('uint8', [room.edges], 0, 1),
      distances: box('float32', [room.edges], 0, FLOAT32_MAX),
      edges: box('int16', [room.edges, 2], 0, Math.max(room.sites - 1, 0)),
      elements: box('uint8', [room.sites], 0, PADDING),
      focus: discrete(room.sites + 1, -1),
      frac_coords: box('float32', [room.sites, 3], -FLOAT32_MAX, FLOAT32_MAX),
      images: box('int8', [room.edges, 3], -128, 127),
      lattice: box('float32', [3, 3], -FLOAT32_MAX, FLOAT32_MAX),
      site_mask: box('uint8', [room.sites], 0, 1),
      space_group: discrete(230, 1),
      step: discrete(room.sites + 1, 0),
      ...(hasTarget ? { target: box('float32', [1], 0, FLOAT32_MAX) } : {}),
    },
  }
}

export function actionSpace(): object {
  return discrete(ELEMENT_COUNT, 0)
}

/** JSON has no infinity. */
const FLOAT32_MAX = 3.4028234663852886e38

function box(dtype: string, shape: readonly number[], low: number, high: number): object {
  return { type: 'Box', dtype, shape, low: filled(shape, low), high: filled(shape, high) }
}

function discrete(n: number, start: number): object {
  return { type: 'Discrete', dtype: 'int64', start, n }
}

function filled([length, ...inner]: readonly number[], value: number): unknown {
  return length === undefined ? value : Array.from({ length }, () => filled(inner, value))
}

function uint8(shape: readonly number[], data: Uint8Array): Hdf5Array {
  return { dtype: 'uint8', shape, data }
}

function float32(shape: readonly number[], data: Float32Array): Hdf5Array {
  return { dtype: 'float32', shape, data }
}
