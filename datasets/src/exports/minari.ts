import { mkdir, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Hdf5Array } from '../hdf5/datatype.js'
import { Hdf5Writer } from '../hdf5/hdf5-writer.js'
import { OutputFile } from '../store/output-file.js'
import type { Episodes, ExportEpisode } from './episodes.js'
import type { FormatOptions } from './format-options.js'
import { actionSpace, changingObservations, observationSpace, staticObservations } from './observations.js'

/** The release whose layout this is; later ones of 0.5 read it. */
const MINARI_VERSION = '0.5.0'

/**
 * Writes a Minari data set (layout 0.5, HDF5): `data/main_data.hdf5` and `data/metadata.json`. Arrays that the episodes
 * of a crystal have in common are stored once and linked.
 *
 * @param folder must not exist
 */
export async function writeMinari(
  folder: string,
  datasetId: string,
  episodes: Episodes,
  { room, description, licence, onEpisodes }: FormatOptions,
): Promise<void> {
  const data = join(folder, 'data')
  await mkdir(data, { recursive: true })
  const hdf5 = join(data, 'main_data.hdf5')
  const file = new OutputFile(hdf5)
  try {
    const writer = new Hdf5Writer(file)
    const members: [string, number][] = []
    for (const { crystal, episodes: group } of episodes.groups()) {
      const shared = Object.entries(staticObservations(crystal, room, episodes.reward.target)).map(
        ([name, array]): [string, number] => [name, writer.dataset(array, group.length)],
      )
      for (const episode of group) {
        const own = addresses(writer, changingObservations(episode, room))
        const observations = writer.group([...shared, ...own])
        const infos = writer.group(addresses(writer, { crystal: crystalInfo(episode) }))
        const address = writer.group(
          [['observations', observations], ['infos', infos], ...addresses(writer, outcomes(episode))],
          attributes(episode),
        )
        members.push([`episode_${episode.index}`, address])
      }
      await onEpisodes(group.length)
    }
    writer.finish(members)
    file.finish()
  } catch (error) {
    file.abandon()
    throw error
  }
  const metadata = {
    total_episodes: episodes.count,
    total_steps: episodes.steps,
    data_format: 'hdf5',
    jpeg_encoding: false,
    observation_space: JSON.stringify(observationSpace(room, episodes.reward.target !== null)),
    action_space: JSON.stringify(actionSpace()),
    dataset_id: datasetId,
    minari_version: MINARI_VERSION,
    algorithm_name: 'recorded crystals',
    author: ['unitcell'],
    author_email: [],
    description: licence === null ? description : `${description} Terms of the data: ${licence}`,
    dataset_size: Math.round((await stat(hdf5)).size / 1e5) / 10,
  }
  await writeFile(join(data, 'metadata.json'), `${JSON.stringify(metadata, null, 2)}\n`)
}

function addresses(writer: Hdf5Writer, arrays: Readonly<Record<string, Hdf5Array>>): [string, number][] {
  return Object.entries(arrays).map(([name, array]) => [name, writer.dataset(array)])
}

/** Actions, rewards and ends of the N steps. */
function outcomes({ crystal: { sites }, actions, terminalReward }: ExportEpisode) {
  const rewards = new Float64Array(sites)
  rewards[sites - 1] = terminalReward
  const terminations = new Uint8Array(sites)
  terminations[sites - 1] = 1
  return {
    actions: { dtype: 'int64', shape: [sites], data: BigInt64Array.from(actions, BigInt) },
    rewards: { dtype: 'float64', shape: [sites], data: rewards },
    terminations: { dtype: 'bool', shape: [sites], data: terminations },
    truncations: { dtype: 'bool', shape: [sites], data: new Uint8Array(sites) },
  } as const satisfies Record<string, Hdf5Array>
}

/** Row of the crystal in its split, for each of the N + 1 observations. */
function crystalInfo({ crystal: { row, sites } }: ExportEpisode): Hdf5Array {
  return { dtype: 'int32', shape: [sites + 1], data: new Int32Array(sites + 1).fill(row) }
}

function attributes({ index, crystal, order }: ExportEpisode) {
  const { totalEnergyRy, bandGapEv, formationEnergyEvPerAtom } = crystal.labels
  return {
    id: index,
    total_steps: crystal.sites,
    crystal: crystal.id,
    source: order[0],
    ...(bandGapEv !== null && { band_gap_ev: bandGapEv }),
    ...(totalEnergyRy !== null && { total_energy_ry: totalEnergyRy }),
    ...(formationEnergyEvPerAtom !== null && { formation_energy_ev_per_atom: formationEnergyEvPerAtom }),
  }
}
