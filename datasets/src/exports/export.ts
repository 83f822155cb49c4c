import { setImmediate } from 'node:timers/promises'
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { basename, join, resolve } from 'node:path'
import { silentProgress, type Progress } from '../progress.js'
import { writeAtomically } from '../store/atomic-output.js'
import type { CrystalDataSet } from '../store/data-set.js'
import { DataSetError } from '../store/data-set-error.js'
import type { RewardParameters } from '../transitions/reward.js'
import type { TrajectoryOptions } from '../transitions/trajectories.js'
import { TransitionSet } from '../transitions/transition-set.js'
import { writeD3rlpy } from './d3rlpy.js'
import { Episodes } from './episodes.js'
import type { FormatOptions } from './format-options.js'
import { writeJsonl } from './jsonl.js'
import { writeMinari } from './minari.js'
import type { Room } from './observations.js'
import { writeParquet } from './parquet.js'

export const EXPORT_FORMATS = ['minari', 'd3rlpy', 'parquet', 'jsonl'] as const
export type ExportFormat = (typeof EXPORT_FORMATS)[number]

export interface ExportRequest {
  readonly format: ExportFormat
  /** File, or folder for `minari`. */
  readonly out: string
  readonly split: string
  readonly trajectories?: TrajectoryOptions
  readonly reward: RewardParameters
  readonly signal?: AbortSignal
  /** Called once with the number of episodes. */
  readonly onStart?: (total: number) => Progress
}

export interface ExportResult {
  /** What was written: a file, or a folder. */
  readonly path: string
  /** The id by which `minari.load_dataset` finds it; null for other formats. */
  readonly datasetId: string | null
  readonly episodes: number
  readonly transitions: number
  /** Episodes left out because their crystal lacks a label that the reward needs. */
  readonly unrewarded: number
}

/**
 * Writes the transitions of a split in the format of another library. It appears under its name when it is complete; the
 * same input gives the same bytes.
 *
 * @throws {DataSetError} `bad_argument`, `empty_data_set`, `exists`, and those of `CrystalDataSet.split`
 */
export async function exportDataSet(dataSet: CrystalDataSet, request: ExportRequest): Promise<ExportResult> {
  const { format, out, split, reward, signal } = request
  const episodes = new Episodes(new TransitionSet(dataSet.split(split), request.trajectories), reward)
  if (episodes.count === 0) {
    const what = `split ${split} has no transitions to export (${episodes.unrewarded} episodes lack a label)`
    throw new DataSetError('empty_data_set', what, 'choose another split, reward or --max-sites')
  }
  const progress = request.onStart?.(episodes.count) ?? silentProgress
  let done = 0
  const options: FormatOptions = {
    room: commonRoom(dataSet, request),
    description: describe(dataSet, request),
    licence: dataSet.manifest.licence,
    onEpisodes: async (count) => {
      done += count
      progress.update(done)
      // Signals are only heard between two turns of the event loop.
      await setImmediate()
      signal?.throwIfAborted()
    },
  }
  const result = { episodes: episodes.count, transitions: episodes.steps, unrewarded: episodes.unrewarded }
  try {
    if (format === 'minari') {
      const { path, id } = minariPlace(out, dataSet.name, split)
      await checkMinariTarget(path)
      await writeAtomically(path, (temporary) => writeMinari(temporary, id, episodes, options))
      return { path, datasetId: id, ...result }
    }
    const write = { d3rlpy: writeD3rlpy, parquet: writeParquet, jsonl: writeJsonl }[format]
    await write(out, episodes, options)
    return { path: out, datasetId: null, ...result }
  } finally {
    progress.stop()
  }
}

/** The largest crystal of all splits, so that the arrays of all of them have one shape. */
function commonRoom(dataSet: CrystalDataSet, { trajectories, reward }: ExportRequest): Room {
  const maxSites = trajectories?.filter?.sites?.max
  const rooms = dataSet.splits.map((split) => {
    const all = { ...(trajectories?.disconnected && { disconnected: trajectories.disconnected }), sources: 1 }
    const filter = { sites: { max: maxSites } }
    return new Episodes(new TransitionSet(dataSet.split(split), { ...all, filter }), reward).largest
  })
  return {
    sites: maxSites ?? Math.max(...rooms.map(({ sites }) => sites)),
    edges: Math.max(...rooms.map(({ edges }) => edges)),
  }
}

function describe({ name, hash, manifest }: CrystalDataSet, { split, reward }: ExportRequest): string {
  const { alpha1, alpha2, beta, target, energy } = reward
  const labels = manifest.label_set_sha256 === null ? 'not stated' : manifest.label_set_sha256.slice(0, 16)
  return (
    `Crystals filled site by site in breadth-first order: split ${split} of unitcell data set ${name} (hash ${hash}; label ` +
    `set ${labels}). Reward of the last step: alpha1 ${alpha1}, alpha2 ${alpha2}, beta ${beta}, target ${target ?? 'none'} eV, ` +
    `${energy} energy; 0 before. Elements are indices 0..87 by atomic number, 88 unfilled, 89 padding.`
  )
}

/**
 * Where Minari looks for a data set: in a folder of the name of its id. `out` is that folder if it ends in a version
 * (`-v0`), else the root (MINARI_DATASETS_PATH) in which it is made. Ids have no dots.
 */
export function minariPlace(out: string, name: string, split: string): { path: string; id: string } {
  const given = basename(resolve(out))
  if (/^[-_\w]+-v\d+$/.test(given)) return { path: out, id: given }
  const id = `${name}-${split}`.replace(/[^-_A-Za-z0-9]+/g, '_') + '-v0'
  return { path: join(out, id), id }
}

/** A data set of Minari may be replaced; anything else in the way is left alone. */
async function checkMinariTarget(path: string): Promise<void> {
  if (!existsSync(path)) return
  try {
    const metadata = JSON.parse(await readFile(join(path, 'data', 'metadata.json'), 'utf8')) as { author?: unknown }
    if (JSON.stringify(metadata.author) === '["unitcell"]') return
  } catch {
    // Whatever it is, it is no export of this program.
  }
  throw new DataSetError('exists', `${path} holds something that this program did not make`, 'choose another --out')
}
