import { UNFILLED } from '../crystal/elements.js'
import { stringArray } from '../hdf5/datatype.js'
import { Hdf5Writer } from '../hdf5/hdf5-writer.js'
import { writeFileAtomically } from '../store/atomic-output.js'
import type { Episodes, ExportEpisode } from './episodes.js'
import type { FormatOptions } from './format-options.js'
import { PADDING, type Room } from './observations.js'

/** The version of d3rlpy's own format, as `ReplayBuffer.load` compares it. */
const FORMAT_VERSION = '2.1'

/**
 * Writes d3rlpy's native HDF5: `observations_i`, `actions_i`, `rewards_i`, `terminated_i` per episode i. An observation
 * is one float32 vector (d3rlpy's encoders take no dictionaries); attribute `observation_fields` of the file says what is
 * where. It holds no edges: a network for vectors has no use for them.
 */
export async function writeD3rlpy(
  path: string,
  episodes: Episodes,
  { room, description, onEpisodes }: FormatOptions,
): Promise<void> {
  const { target } = episodes.reward
  await writeFileAtomically(path, async (file) => {
    const writer = new Hdf5Writer(file)
    const members: [string, number][] = []
    for (const { episodes: group } of episodes.groups()) {
      for (const episode of group) members.push(...writeEpisode(writer, episode, room, target))
      await onEpisodes(group.length)
    }
    const columns = stringArray(['observations', 'actions', 'rewards', 'terminated'])
    members.push(
      ['columns', writer.dataset(columns)],
      ['num_episodes', writer.dataset({ dtype: 'int64', shape: [], data: BigInt64Array.of(BigInt(episodes.count)) })],
      ['version', writer.dataset(stringArray([FORMAT_VERSION], []))],
    )
    writer.finish(members, { description, observation_fields: JSON.stringify(vectorFields(room, target !== null)) })
  })
}

/** Place of each field in an observation vector: name, first column, number of columns. */
export function vectorFields(room: Room, hasTarget: boolean): { name: string; at: number; columns: number }[] {
  const widths: [string, number][] = [
    ['elements', room.sites],
    ['site_mask', room.sites],
    ['focus', room.sites],
    ['frac_coords', 3 * room.sites],
    ['lattice', 9],
    ['space_group', 1],
    ['step', 1],
  ]
  if (hasTarget) widths.push(['target', 1])
  let at = 0
  return widths.map(([name, columns]) => ({ name, at: (at += columns) - columns, columns }))
}

function writeEpisode(writer: Hdf5Writer, episode: ExportEpisode, room: Room, target: number | null) {
  const { index, crystal, order, actions, terminalReward } = episode
  const { sites, skeleton, spaceGroup } = crystal
  const M = room.sites
  const width = 6 * M + 11 + Number(target !== null)
  const data = new Float32Array(sites * width)
  const elements = new Uint8Array(M).fill(PADDING).fill(UNFILLED, 0, sites)
  for (let step = 0; step < sites; step++) {
    const row = data.subarray(step * width, (step + 1) * width)
    row.set(elements)
    row.fill(1, M, M + sites)
    row[2 * M + order[step]] = 1
    row.set(skeleton.fracCoords, 3 * M)
    row.set(skeleton.lattice, 6 * M)
    row[6 * M + 9] = spaceGroup
    row[6 * M + 10] = step
    if (target !== null) row[6 * M + 11] = target
    elements[order[step]] = actions[step]
  }
  const rewards = new Float32Array(sites)
  rewards[sites - 1] = terminalReward
  const members: [string, number][] = [
    [`observations_${index}`, writer.dataset({ dtype: 'float32', shape: [sites, width], data })],
    [`actions_${index}`, writer.dataset({ dtype: 'int32', shape: [sites, 1], data: Int32Array.from(actions) })],
    [`rewards_${index}`, writer.dataset({ dtype: 'float32', shape: [sites, 1], data: rewards })],
    [`terminated_${index}`, writer.dataset({ dtype: 'bool', shape: [], data: Uint8Array.of(1) })],
  ]
  return members
}
