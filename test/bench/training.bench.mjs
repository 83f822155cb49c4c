import { spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { createInterface } from 'node:readline'
import {
  architecture,
  createQNetwork,
  hasNativeAddon,
  INSTRUCTION_SETS,
  nativeAddon,
  NativeNetwork,
} from '@unitcell/network'
import { crystalShard, drawTransitions } from './training-batches.mjs'

export const name = 'training'

const SIZES = [64, 256, 1024]
const KINDS = ['cql', 'cloning']
/** UNITCELL_BENCH=full measures longer, and the slow engines at every size. */
const full = process.env.UNITCELL_BENCH === 'full'
const roundsOf = (size) => (full ? 15 : size > 256 ? 2 : 5)

/**
 * Milliseconds of a training step of the paper's network, per engine, beside eager PyTorch. Engines take turns, so that
 * what else runs on the machine meets all alike; one thread is measured in CPU time, several by the clock.
 */
export async function run(print) {
  const a = architecture()
  const { source, shard } = await crystalShard()
  const objectives = new Map(SIZES.map((size) => [size, drawTransitions(shard, size, a.stateSize, size)]))
  const { batch } = objectives.get(1024)
  const [nodes, edges] = [batch.elements.length, batch.distances.length]
  print(
    `crystals of ${source}: ${(nodes / 1024).toFixed(1)} sites, ${(edges / nodes).toFixed(1)} directed edges per site`,
  )

  const engines = await openEngines(a, objectives, print)
  const results = new Map()
  for (const size of SIZES) {
    for (const kind of KINDS) {
      const used = engines.filter((engine) => !engine.isSlow || size <= 64 || (size === 256 && kind === 'cql') || full)
      results.set(`${kind} ${size}`, await measure(used, kind, size))
    }
  }
  for (const kind of KINDS) table(print, a, objectives, engines, results, kind)
  verdict(print, results)
  for (const engine of engines) engine.close()
}

async function openEngines(a, objectives, print) {
  const engines = []
  if (hasNativeAddon()) {
    for (const instructionSet of INSTRUCTION_SETS.filter((set) => nativeAddon().instructionSet(set) === set)) {
      const peak = nativeAddon().peak(instructionSet, 0.3)
      print(`matrix kernel, operands in cache, one core: ${instructionSet} ${(peak / 1e9).toFixed(0)} GFLOP/s`)
      if (instructionSet === 'portable' && engines.length > 0) continue
      engines.push(nativeEngine(a, objectives, { instructionSet, threads: 1, peak }))
      if (engines.length === 1) engines.push(nativeEngine(a, objectives, { instructionSet, threads: 2, peak }))
    }
  } else {
    print('native: not built on this machine')
  }
  const torch = await torchEngine(a, objectives)
  if (torch) engines.push(torch)
  else print('PyTorch: not installed (apt-get install python3-torch)')
  const tfjs = await createQNetwork(a, { backend: 'tfjs' })
  print(`tfjs: ${tfjs.backend.detail}`)
  engines.push({ ...networkEngine('tfjs', tfjs, objectives), threads: 1, isSlow: true })
  return engines
}

function nativeEngine(a, objectives, { instructionSet, threads, peak }) {
  const network = new NativeNetwork(a, { instructionSet, threads })
  return { ...networkEngine(`native ${instructionSet}`, network, objectives), threads, peak, isSlow: false }
}

function networkEngine(name, network, objectives) {
  const update = { learningRate: 3e-4 }
  return {
    name,
    close: () => network.dispose(),
    step: async (kind, size) => {
      const objective = objectives.get(size)
      const cpu = process.cpuUsage()
      const start = performance.now()
      const { loss } = await network.step(kind === 'cql' ? objective : cloning(objective), update)
      const wall = performance.now() - start
      const { user, system } = process.cpuUsage(cpu)
      return { wall, cpu: (user + system) / 1e3, loss }
    },
  }
}

const cloning = ({ batch, actions }) => ({ kind: 'cloning', batch, actions })

/** The Python process of training_torch.py with the same parameters and batches; null where there is no PyTorch. */
async function torchEngine(a, objectives) {
  // Debian's package is seen by Debian's Python only, which another one may hide.
  const pythons = [process.env.PYTHON, 'python3', '/usr/bin/python3'].filter(Boolean)
  const python = pythons.find((program) => spawnSync(program, ['-c', 'import torch']).status === 0)
  if (!python) return null
  const folder = mkdtempSync(join(tmpdir(), 'unitcell-bench-'))
  const network = await createQNetwork(a, {})
  writeArrays(folder, network, objectives)
  network.dispose()
  const script = join(import.meta.dirname, 'training_torch.py')
  const child = spawn(python, [script, folder, '1'], { stdio: ['pipe', 'pipe', 'inherit'] })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const answer = async () => {
    const { value, done } = await lines.next()
    if (done) throw new Error('the PyTorch process ended')
    return JSON.parse(value)
  }
  const { torch } = await answer()
  return {
    name: `PyTorch ${torch} eager`,
    threads: 1,
    isSlow: false,
    step: async (kind, size) => {
      child.stdin.write(`${kind} ${size}\n`)
      const { seconds, cpu_seconds: cpu, loss } = await answer()
      return { wall: 1e3 * seconds, cpu: 1e3 * cpu, loss }
    },
    close: () => {
      child.stdin.end()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

function writeArrays(folder, network, objectives) {
  const index = {}
  const parts = []
  let offset = 0
  const add = (name, values, shape = [values.length]) => {
    const dtype = values instanceof Float32Array ? 'float32' : values instanceof Uint8Array ? 'uint8' : 'uint32'
    index[name] = { dtype, shape, offset }
    const bytes = Buffer.from(values.buffer, values.byteOffset, values.byteLength)
    const padding = Buffer.alloc((8 - (bytes.length % 8)) % 8)
    parts.push(bytes, padding)
    offset += bytes.length + padding.length
  }
  const values = network.parameters()
  for (const { name, shape, offset: from, size } of network.layout.tensors) {
    add(`parameter:${name}`, values.subarray(from, from + size), [...shape])
  }
  for (const [size, { batch, next, actions, rewards, terminal }] of objectives) {
    for (const [prefix, graphs] of [
      [`${size}:`, batch],
      [`${size}:next:`, next],
    ]) {
      for (const [name, array] of Object.entries(graphs)) if (array.length > 0) add(prefix + name, array)
    }
    for (const [name, array] of Object.entries({ actions, rewards, terminal })) add(`${size}:${name}`, array)
  }
  writeFileSync(join(folder, 'arrays.json'), JSON.stringify(index))
  writeFileSync(join(folder, 'arrays.bin'), Buffer.concat(parts))
}

async function measure(engines, kind, size) {
  const samples = new Map(engines.map((engine) => [engine, []]))
  for (const engine of engines) await engine.step(kind, size)
  for (let round = 0; round < roundsOf(size); round++) {
    for (const engine of engines) {
      if (!engine.isSlow || full || round === 0) samples.get(engine).push(await engine.step(kind, size))
    }
  }
  return new Map(
    Array.from(samples, ([engine, steps]) => [
      engine,
      {
        cpu: median(steps.map(({ cpu }) => cpu)),
        wall: median(steps.map(({ wall }) => wall)),
        best: Math.min(...steps.map(({ wall }) => wall)),
      },
    ]),
  )
}

const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1]

/** What counts: CPU time for one thread; for several the clock, and of that the round that was disturbed least. */
const milliseconds = (engine, { cpu, best }) => (engine.threads === 1 ? cpu : best)

function table(print, a, objectives, engines, results, kind) {
  print(`\n${kind === 'cql' ? 'CQL' : 'behavioural cloning'}, ms per step`)
  print(
    `  ${'engine'.padEnd(28)} threads ${SIZES.map((size) => `batch ${size}`.padStart(11)).join('')}   GFLOP/s  of peak`,
  )
  for (const engine of engines) {
    const cells = SIZES.map((size) => results.get(`${kind} ${size}`).get(engine))
    const numbers = cells.map((cell) => (cell ? milliseconds(engine, cell).toFixed(1) : '-').padStart(11))
    const last = SIZES.findLastIndex((_, i) => cells[i])
    const rate = operations(a, objectives.get(SIZES[last]), kind) / milliseconds(engine, cells[last]) / 1e6
    const share = engine.peak ? `${((100e9 * rate) / engine.peak / engine.threads).toFixed(0)} %` : '-'
    print(
      `  ${engine.name.padEnd(28)} ${String(engine.threads).padStart(7)} ${numbers.join('')} ${rate.toFixed(1).padStart(9)} ${share.padStart(8)}`,
    )
  }
}

function verdict(print, results) {
  const cells = [...results.get('cql 256')]
  const find = (pattern, threads = 1) =>
    cells.find(([{ name, threads: t }]) => name.startsWith(pattern) && t === threads)
  const torch = find('PyTorch')
  print('\nCQL at batch 256, one thread, share of the time of PyTorch eager')
  for (const [pattern, bound] of [
    ['native avx512', 0.4],
    ['native avx2', 0.7],
    ['tfjs', 4],
  ]) {
    const cell = find(pattern)
    if (!cell || !torch) continue
    const ratio = cell[1].cpu / torch[1].cpu
    print(`  ${pattern.padEnd(16)} ${ratio.toFixed(2)} (wanted: at most ${bound})`)
  }
  const [one, two] = [find('native'), find('native', 2)]
  if (one && two)
    print(`  two threads are ${(one[1].best / two[1].best).toFixed(2)} times as fast as one (wanted: 1.7)`)
}

/**
 * Floating point operations of a step in matrix products, with the first layers of the updates computed per node and
 * graph: forward once, backward twice that; CQL's target once forward.
 */
function operations(a, { batch, next }, kind) {
  const products = (rows, dims) => dims.slice(1).reduce((sum, out, i) => sum + 2 * rows * dims[i] * out, 0)
  const forward = (b) => {
    const [graphs, nodes, edges] = [b.focus.length, b.elements.length, b.distances.length]
    const width = a.encoderWidths.at(-1)
    const first = a.convolutionWidths[0]
    const rest = [width, ...a.convolutionWidths]
    let sum = products(edges, [a.gaussians, ...a.encoderWidths])
    sum += products(nodes, [a.elementEmbedding, ...a.encoderWidths])
    sum += products(graphs, [a.stateSize + a.focusEmbedding, ...a.encoderWidths])
    for (let block = 0; block < a.blocks; block++) {
      if (block > 0) sum += products(graphs + nodes + edges, [width, ...a.encoderWidths])
      sum += products(graphs + nodes + edges, rest)
      // The other parts of the joined inputs: 2 of nodes and 1 of the graph; 1 and 1; 2.
      sum += 2 * width * first * (3 * nodes + 4 * graphs)
    }
    sum += 2 * 2 * graphs * 3 * width * 4 * width * (a.set2setIterations - 1)
    return sum + products(graphs, [5 * width, ...a.readoutWidths, 88])
  }
  return 3 * forward(batch) + (kind === 'cql' && next ? forward(next) : 0)
}
