import { SYMBOLS, UNFILLED } from '../crystal/elements.js'
import { basename, dirname, join } from 'node:path'
import type { EpisodeCrystal, EpisodeGroup, ExportEpisode } from './episodes.js'

// The tables behind Parquet and JSONL: a row per transition, and a row per crystal that they refer to.

/** A transition. s' is the `elements` of the next row, or the filled crystal after the last step. */
export interface TransitionRow {
  readonly episode: number
  /** Row of the table of crystals. */
  readonly crystal: number
  readonly id: string
  readonly step: number
  /** Site to fill. */
  readonly focus: number
  /** Element index put there. */
  readonly action: number
  readonly reward: number
  readonly terminated: boolean
  /** s: N element indices, 88 where unfilled. */
  readonly elements: number[]
}

export interface CrystalRow {
  readonly crystal: number
  readonly id: string
  /** 9 numbers, rows are the cell vectors, angstrom. */
  readonly lattice: number[]
  /** 3 N numbers. */
  readonly frac_coords: number[]
  readonly species: string[]
  /** 2 E sites. */
  readonly edges: number[]
  /** 3 E numbers: the cell of the second site. */
  readonly images: number[]
  /** E, angstrom. */
  readonly distances: number[]
  readonly space_group: number
  readonly band_gap_ev: number | null
  readonly total_energy_ry: number | null
  readonly formation_energy_ev_per_atom: number | null
}

/** The rows of an episode. */
export function* transitionRows(episode: ExportEpisode, crystal: number): Generator<TransitionRow> {
  const { order, actions, terminalReward } = episode
  const { id, sites } = episode.crystal
  const elements = new Array<number>(sites).fill(UNFILLED)
  for (let step = 0; step < sites; step++) {
    const terminated = step + 1 === sites
    const [focus, action] = [order[step], actions[step]]
    yield {
      ...{ episode: episode.index, crystal, id, step, focus, action },
      reward: terminated ? terminalReward : 0,
      terminated,
      elements: [...elements],
    }
    elements[focus] = action
  }
}

export function crystalRow({ crystal, episodes: [first] }: EpisodeGroup, index: number): CrystalRow {
  const { id, skeleton, graph, spaceGroup, labels } = crystal
  return {
    crystal: index,
    id,
    lattice: [...skeleton.lattice],
    frac_coords: [...skeleton.fracCoords],
    species: speciesOf(crystal, first),
    edges: [...graph.edges],
    images: [...graph.images],
    distances: [...graph.distances],
    space_group: spaceGroup,
    band_gap_ev: labels.bandGapEv,
    total_energy_ry: labels.totalEnergyRy,
    formation_energy_ev_per_atom: labels.formationEnergyEvPerAtom,
  }
}

function speciesOf({ sites }: EpisodeCrystal, { order, actions }: ExportEpisode): string[] {
  const species = new Array<string>(sites)
  for (let step = 0; step < sites; step++) species[order[step]] = SYMBOLS[actions[step]]
  return species
}

/** Where the table of crystals goes: `data.parquet` -> `data.crystals.parquet`. */
export function crystalsPath(path: string): string {
  const name = basename(path)
  const at = name.search(/\.(parquet|jsonl|jsonl\.gz)$/)
  const stem = at < 0 ? name : name.slice(0, at)
  return join(dirname(path), `${stem}.crystals${at < 0 ? '' : name.slice(at)}`)
}
