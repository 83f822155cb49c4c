// Batches of real crystals for the training benchmark: the states and next states of a random policy's data.
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { CrystalDataSet, compileDataSet, readCrystals, UNFILLED } from '@unitcell/datasets'
import { uniformGenerator } from '@unitcell/network'

const mp20 = fileURLToPath(new URL('../../../shared/data/mp20-qe/train.jsonl.gz', import.meta.url))

/** Crystals of MP-20 where the shared data is, else of the built-in set (which are smaller). */
export async function crystalShard(count = 200) {
  if (!existsSync(mp20)) return { source: 'builtin', shard: (await CrystalDataSet.openBuiltin()).split('train') }
  const rows = []
  const every = Math.floor(7062 / count)
  let index = 0
  for await (const row of readCrystals(mp20, { format: 'jsonl' })) {
    if (index++ % every === 0 && 'crystal' in row) {
      rows.push({ split: 'train', file: 'train', line: row.line, crystal: row.crystal })
    }
  }
  const compiled = await compileDataSet(rows, [], {
    name: 'bench',
    splits: ['train'],
    sources: [],
    cell: 'file',
    maxSites: 200,
    licence: null,
    labelSet: null,
    threads: 1,
  })
  const shard = new CrystalDataSet(compiled.manifest, (file) => compiled.files.get(file), 'bench').split('train')
  return { source: 'mp20-qe', shard }
}

/** A CQL objective of `graphs` transitions drawn from the crystals, with states of `stateSize` random numbers. */
export function drawTransitions(shard, graphs, stateSize, seed) {
  const uniform = uniformGenerator(seed)
  const below = (n) => Math.floor(uniform() * n)
  const states = []
  const next = []
  const actions = new Uint8Array(graphs)
  const terminal = new Uint8Array(graphs)
  for (let g = 0; g < graphs; g++) {
    const i = below(shard.count)
    const { species } = shard.structure(i)
    const order = Array.from(species.keys()).sort(() => uniform() - 0.5)
    const step = below(order.length)
    const state = Float32Array.from({ length: stateSize }, () => 2 * uniform() - 1)
    const at = (filled) => {
      const elements = new Uint8Array(species.length).fill(UNFILLED)
      for (const site of order.slice(0, filled)) elements[site] = species[site]
      return { graph: shard.graph(i), elements, focus: order[filled], state }
    }
    states.push(at(step))
    actions[g] = species[order[step]]
    if (step + 1 < order.length) next.push(at(step + 1))
    else terminal[g] = 1
  }
  return {
    kind: 'cql',
    batch: packGraphs(states),
    actions,
    rewards: Float32Array.from(terminal, (isTerminal) => (isTerminal ? 5 * uniform() : 0)),
    terminal,
    next: next.length > 0 ? packGraphs(next) : null,
    gamma: 0.99,
    omega: 5,
  }
}

function packGraphs(states) {
  const nodeOffsets = [0]
  const edgeOffsets = [0]
  const edges = []
  for (const { graph, elements } of states) {
    const first = nodeOffsets.at(-1)
    const own = Array.from(graph.distances, (distance, k) => {
      const [i, j] = [first + graph.edges[2 * k], first + graph.edges[2 * k + 1]]
      return [
        { source: i, target: j, distance },
        { source: j, target: i, distance },
      ]
    }).flat()
    edges.push(...own.sort((a, b) => a.target - b.target))
    nodeOffsets.push(first + elements.length)
    edgeOffsets.push(edges.length)
  }
  return {
    nodeOffsets: Uint32Array.from(nodeOffsets),
    edgeOffsets: Uint32Array.from(edgeOffsets),
    elements: Uint8Array.from(states.flatMap(({ elements }) => [...elements])),
    focus: Uint32Array.from(states, ({ focus }) => focus),
    state: Float32Array.from(states.flatMap(({ state }) => [...state])),
    nodeFeatures: new Float32Array(0),
    nodeTokens: new Uint8Array(0),
    sources: Uint32Array.from(edges, ({ source }) => source),
    targets: Uint32Array.from(edges, ({ target }) => target),
    distances: Float32Array.from(edges, ({ distance }) => distance),
  }
}
