import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { CrystalDataSet, DEFAULT_REWARD, TransitionSet, vectorFields, type CrystalShard } from '@unitcell/datasets'
import { hasPython, needsPython, runPython } from '../../python.js'
import { exportBuiltin } from './sample.js'

// Our exports, read by the libraries they are made for.

let folder: string
let shard: CrystalShard
let set: TransitionSet
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'unitcell-readers-'))
  shard = (await CrystalDataSet.openBuiltin()).split('train')
  set = new TransitionSet(shard)
})
afterAll(() => rm(folder, { recursive: true }))

/** Sum of the terminal rewards of all trajectories. */
function totalReward(): number {
  const { values } = set.rewards({ ...DEFAULT_REWARD, target: 2 })
  return set.trajectories.crystals.reduce((sum, row) => sum + values[row], 0)
}

const minariModules = ['minari', 'gymnasium', 'h5py']
describe('Minari', () => {
  test.skipIf(!hasPython(...minariModules))(
    `loads the export: spaces, episodes, observations within their space, elements filled one by one${needsPython(...minariModules)}`,
    async () => {
      const { datasetId } = await exportBuiltin('minari', join(folder, 'minari'))
      const read = runPython(
        `
import json, sys
import minari, numpy as np
d = minari.load_dataset(sys.argv[1])
space = d.observation_space
steps, reward, filled = 0, 0.0, []
for e in d.iterate_episodes():
    n = len(e.actions)
    steps += n
    reward += float(e.rewards.sum())
    assert all(d.action_space.contains(a) for a in e.actions)
    assert not e.truncations.any() and e.terminations[-1] and not e.terminations[:-1].any()
    for t in range(n + 1):
        o = {k: v[t] for k, v in e.observations.items()}
        assert e.id % 20 or space.contains(o), o
        if t < n:
            after = o["elements"].copy()
            assert after[o["focus"]] == 88
            after[o["focus"]] = e.actions[t]
            assert (after == e.observations["elements"][t + 1]).all()
    filled.append(e.observations["elements"][n][:n].tolist())
meta = next(iter(d.storage.get_episode_metadata([0])))
first = d[0].observations
print(json.dumps({"ids": list(minari.list_local_datasets()), "episodes": d.total_episodes, "total": d.total_steps,
  "steps": steps, "reward": reward, "n": int(d.action_space.n), "filled": filled, "source": int(meta["source"]),
  "crystal": meta["crystal"].decode(), "gap": float(meta["band_gap_ev"]), "keys": sorted(space.spaces),
  "lattice": first["lattice"][0].flatten().tolist(), "edges": int(first["edge_mask"][0].sum()),
  "target": float(first["target"][0][0])}))`,
        [datasetId!],
        { MINARI_DATASETS_PATH: join(folder, 'minari') },
      )
      const { trajectories } = set
      expect(read).toMatchObject({
        ids: ['builtin-train-v0'],
        episodes: set.trajectoryCount,
        total: set.count,
        steps: set.count,
        reward: expect.closeTo(totalReward(), 6) as number,
        n: 88,
        filled: [...trajectories.crystals].map((row) => [...shard.structure(row).species]),
        source: 0,
        crystal: shard.id(trajectories.crystals[0]),
        gap: shard.labels(trajectories.crystals[0]).bandGapEv,
        lattice: [...Float32Array.from(shard.structure(trajectories.crystals[0]).lattice)],
        edges: shard.graph(trajectories.crystals[0]).distances.length,
        target: 2,
      })
    },
    120_000,
  )
})

const d3rlpyModules = ['d3rlpy', 'torch', 'h5py']
describe('d3rlpy', () => {
  test.skipIf(!hasPython(...d3rlpyModules))(
    `loads the export, and DiscreteCQL learns from it${needsPython(...d3rlpyModules)}`,
    async () => {
      const out = join(folder, 'data.h5')
      await exportBuiltin('d3rlpy', out)
      const read = runPython(
        `
import json, sys
import d3rlpy, h5py, numpy as np
from d3rlpy.algos import DiscreteCQLConfig
from d3rlpy.dataset import InfiniteBuffer, ReplayBuffer
with open(sys.argv[1], "rb") as f:
    data = ReplayBuffer.load(f, InfiniteBuffer())
losses = []
algorithm = DiscreteCQLConfig(batch_size=32).create(device=False)
algorithm.build_with_dataset(data)
for _ in range(20):
    losses.append(float(algorithm.update(data.sample_transition_batch(32))["loss"]))
fields = json.loads(h5py.File(sys.argv[1])["/"].attrs["observation_fields"])
episode = data.episodes[0]
print(json.dumps({"episodes": len(data.episodes), "transitions": data.transition_count, "fields": fields,
  "reward": float(sum(e.rewards.sum() for e in data.episodes)), "ended": all(bool(e.terminated) for e in data.episodes),
  "actions": [e.actions[:, 0].tolist() for e in data.episodes], "finite": bool(np.isfinite(losses).all()),
  "width": int(episode.observations.shape[1]), "last": episode.observations[-1].tolist()}))`,
        [out],
      ) as Record<string, unknown>
      const { starts, actions, sites } = set.trajectories
      const fields = vectorFields({ sites: 8, edges: 0 }, true)
      expect(read).toMatchObject({
        episodes: set.trajectoryCount,
        transitions: set.count,
        reward: expect.closeTo(totalReward(), 1) as number,
        ended: true,
        finite: true,
        fields,
        width: fields.at(-1)!.at + fields.at(-1)!.columns,
        actions: Array.from({ length: set.trajectoryCount }, (_, j) => [...actions.subarray(starts[j], starts[j + 1])]),
      })
      // The last observation of the first episode: all but the focus are filled.
      const last = read['last'] as number[]
      const field = (name: string) => {
        const { at, columns } = fields.find((one) => one.name === name)!
        return last.slice(at, at + columns)
      }
      const state = new Uint8Array(shard.siteCount(0))
      set.writeState(starts[1] - 1, state)
      expect(field('elements')).toEqual([...state, ...new Array<number>(8 - state.length).fill(89)])
      expect(field('focus').indexOf(1)).toBe(sites[starts[1] - 1])
      expect(field('step')).toEqual([state.length - 1])
    },
    120_000,
  )
})

describe('pyarrow', () => {
  test.skipIf(!hasPython('pyarrow'))(
    `reads the tables of transitions and crystals${needsPython('pyarrow')}`,
    async () => {
      const out = join(folder, 'data.parquet')
      await exportBuiltin('parquet', out)
      const read = runPython(
        `
import json, sys
import pyarrow.parquet as pq
t = pq.read_table(sys.argv[1])
c = pq.read_table(sys.argv[2])
print(json.dumps({"rows": t.num_rows, "action": t["action"].to_pylist(), "reward": sum(t["reward"].to_pylist()),
  "last": sum(t["terminated"].to_pylist()), "elements": t["elements"][1].as_py(), "crystals": c.num_rows,
  "ids": c["id"].to_pylist(), "species": c["species"][0].as_py(), "gap": c["band_gap_ev"][0].as_py(),
  "distances": c["distances"][0].as_py(), "schema": {f.name: str(f.type) for f in t.schema}}))`,
        [out, join(folder, 'data.crystals.parquet')],
      )
      const state = new Uint8Array(shard.siteCount(0))
      set.writeState(1, state)
      expect(read).toMatchObject({
        rows: set.count,
        action: [...set.trajectories.actions],
        reward: expect.closeTo(totalReward(), 6) as number,
        last: set.trajectoryCount,
        elements: [...state],
        crystals: new Set(set.trajectories.crystals).size,
        ids: [...new Set(set.trajectories.crystals)].map((row) => shard.id(row)),
        gap: shard.labels(0).bandGapEv,
        distances: [...shard.graph(0).distances],
        schema: { reward: 'double', terminated: 'bool', id: 'string', focus: 'int32' },
      })
    },
    120_000,
  )
})
