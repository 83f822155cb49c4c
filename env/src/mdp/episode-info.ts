import { UNFILLED, type Labels } from '@unitcell/datasets'
import {
  toNdArray,
  type EpisodeInfo,
  type EpisodesInfo,
  type NdArray,
  type Outcome,
  type Outcomes,
} from '@unitcell/protocol'
import { concatenate, float64Column, int32Column, uint8 } from './arrays.js'
import type { Episode } from './episode.js'
import type { Evaluation } from './evaluation.js'
import type { Failure } from './reward.js'

/** Stands for an evaluation that comes later, under this number. */
export interface Deferred {
  readonly status: 'deferred'
  readonly number: number
}

/** An episode that is over, and how its crystal was judged. */
export interface Ending {
  readonly episode: Episode
  readonly evaluation: Evaluation | Deferred
  /** NaN while it is deferred. */
  readonly reward: number
  readonly failure: Failure | null
}

/** `info.episode` of a single environment. */
export function describeStart({ seed, source, graph, crystal }: Episode): EpisodeInfo {
  const { origin } = crystal.source
  return { seed, split: origin?.split ?? null, index: origin?.index ?? null, sites: graph.sites, source }
}

/** `info.episodes` of a vector. `envs`: where the episodes are. */
export function describeStarts(episodes: readonly Episode[], envs: Int32Array): EpisodesInfo {
  const origins = episodes.map((episode) => episode.crystal.source.origin)
  return {
    env: toNdArray('int32', envs),
    seed: float64(episodes, (episode) => episode.seed),
    split: origins.map((origin) => origin?.split ?? null),
    index: int32(origins, (origin) => origin?.index ?? -1),
    sites: int32(episodes, (episode) => episode.graph.sites),
    source: int32(episodes, (episode) => episode.source),
  }
}

/** `info.outcome` of a single environment. `told`: whether the truth may be told. */
export function describeEnding({ episode, evaluation, failure }: Ending, told: boolean): Outcome {
  const { origin, labels: trueLabels } = episode.crystal.source
  const labels = labelsOf(evaluation)
  const truth = told ? episode.trueElements() : null
  return {
    failure,
    source: sourceOf(evaluation),
    evaluation: evaluation.status === 'deferred' ? evaluation.number : null,
    total_energy_ry: labels?.totalEnergyRy ?? null,
    band_gap_ev: labels?.bandGapEv ?? null,
    formation_energy_ev_per_atom: labels?.formationEnergyEvPerAtom ?? null,
    elements: toNdArray('uint8', episode.elements),
    true_elements: truth === null ? null : toNdArray('uint8', truth),
    crystal: told ? (origin?.id ?? null) : null,
    true_total_energy_ry: told ? (trueLabels?.totalEnergyRy ?? null) : null,
    true_band_gap_ev: told ? (trueLabels?.bandGapEv ?? null) : null,
  }
}

/** `info.outcomes` of a vector. `envs`: where the episodes ended. */
export function describeEndings(endings: readonly Ending[], envs: Int32Array, told: boolean): Outcomes {
  const failures: Failure[] = []
  const failure = int32Column(endings, (ending) => (ending.failure === null ? -1 : place(failures, ending.failure)))
  const labels = endings.map((ending) => labelsOf(ending.evaluation))
  const sources = endings.map((ending) => ending.episode.crystal.source)
  const truths = endings.map(({ episode }) => episode.trueElements() ?? episode.elements.slice().fill(UNFILLED))
  return {
    env: toNdArray('int32', envs),
    failures,
    failure: toNdArray('int32', failure),
    source: endings.map((ending) => sourceOf(ending.evaluation)),
    evaluation: int32(endings, ({ evaluation }) => (evaluation.status === 'deferred' ? evaluation.number : 0)),
    total_energy_ry: float64(labels, (one) => one?.totalEnergyRy ?? NaN),
    band_gap_ev: float64(labels, (one) => one?.bandGapEv ?? NaN),
    formation_energy_ev_per_atom: float64(labels, (one) => one?.formationEnergyEvPerAtom ?? NaN),
    site_counts: int32(endings, (ending) => ending.episode.elements.length),
    elements: toNdArray(
      'uint8',
      concatenate(
        endings.map((ending) => ending.episode.elements),
        uint8,
      ),
    ),
    true_elements: told ? toNdArray('uint8', concatenate(truths, uint8)) : null,
    crystal: told ? sources.map((source) => source.origin?.id ?? null) : null,
    true_total_energy_ry: told ? float64(sources, (source) => source.labels?.totalEnergyRy ?? NaN) : null,
    true_band_gap_ev: told ? float64(sources, (source) => source.labels?.bandGapEv ?? NaN) : null,
  }
}

function labelsOf(evaluation: Evaluation | Deferred): Labels | null {
  return evaluation.status === 'evaluated' ? evaluation.labels : null
}

function sourceOf(evaluation: Evaluation | Deferred): string | null {
  return evaluation.status === 'deferred' ? null : evaluation.source
}

/** Place of a failure in the list, which grows by one where it is new. */
function place(failures: Failure[], failure: Failure): number {
  const known = failures.findIndex((one) => one.class === failure.class && one.message === failure.message)
  return known >= 0 ? known : failures.push({ class: failure.class, message: failure.message }) - 1
}

function float64<T>(items: readonly T[], value: (item: T) => number): NdArray {
  return toNdArray('float64', float64Column(items, value))
}

function int32<T>(items: readonly T[], value: (item: T) => number): NdArray {
  return toNdArray('int32', int32Column(items, value))
}
