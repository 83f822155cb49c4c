// Offline data: opening a split and its transitions, sampling batches, streaming all of it over loopback; beside a bare
// read of the same file, and a bare copy of the same bytes through a socket.
import { existsSync, readFileSync } from 'node:fs'
import { once } from 'node:events'
import { createServer, connect as connectSocket } from 'node:net'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import {
  CrystalDataSet,
  DEFAULT_REWARD,
  importDataSet,
  TransitionBatch,
  TransitionSet,
  writeDataSetFolder,
} from '@unitcell/datasets'
import { EnvironmentServer } from '@unitcell/env'
import { connect } from '@unitcell/protocol'

export const name = 'data'

const BATCH = 1024
const SAMPLES = 2_000_000

export async function run(print) {
  const temporary = await mkdtemp(join(tmpdir(), 'unitcell-bench-'))
  try {
    const folder = process.env.UNITCELL_BENCH_DATA ?? (await makeDataSet(temporary))
    const before = process.memoryUsage().rss
    const opening = cpu()
    const dataSet = await CrystalDataSet.open(folder)
    const set = new TransitionSet(dataSet.split(dataSet.splits[0]))
    const opened = opening()
    const memory = (process.memoryUsage().rss - before) / 1e6
    const { file } = dataSet.files[0]
    const reading = cpu()
    readFileSync(join(folder, file))
    const read = reading()
    print(`${set.count} transitions of ${dataSet.split(dataSet.splits[0]).count} crystals`)
    print(`opening    ${ms(opened)}, ${memory.toFixed(0)} MB; a bare read of the file ${ms(read)}`)
    for (const mode of ['epochs', 'replacement'])
      print(`sampling   ${sample(set, mode)} transitions/s (${mode}), CPU time`)
    await stream(dataSet, set.count, print)
  } finally {
    await rm(temporary, { recursive: true })
  }
}

function sample(set, mode) {
  const { values } = set.rewards({ ...DEFAULT_REWARD, target: 2 })
  const batch = new TransitionBatch(BATCH)
  const indices = new Uint32Array(BATCH)
  const sampler = set.sampler({ seed: 1, mode })
  const timer = cpu()
  for (let n = 0; n < SAMPLES; n += BATCH) set.gather(sampler.fill(indices), values, batch)
  return Math.round(SAMPLES / (timer().cpu / 1000)).toLocaleString('en')
}

/** Server and client in one process: the CPU time is that of both. */
async function stream(dataSet, expected, print) {
  const server = await EnvironmentServer.start({ datasets: [dataSet] })
  const client = await connect(server.url)
  const timer = cpu()
  let transitions = 0
  let bytes = 0
  for await (const piece of client.transitions({})) {
    transitions += piece.action.length
    for (const part of [piece, piece.crystals])
      for (const column of Object.values(part)) bytes += column?.byteLength ?? 0
  }
  const time = timer()
  await client.close()
  await server.stop()
  if (transitions !== expected) throw new Error(`${transitions} transitions came of ${expected}`)
  const bare = await copy(bytes)
  print(
    `streaming  ${ms(time)} for all ${transitions} (msgpack, ${(bytes / 1e6).toFixed(0)} MB), both ends in one process`,
  )
  print(
    `           a bare socket takes ${ms(bare)} for as many bytes: ratio ${(time.cpu / bare.cpu).toFixed(1)} in CPU time`,
  )
}

async function copy(bytes) {
  const chunk = Buffer.alloc(1 << 18)
  const server = createServer((socket) => {
    const write = (left) => {
      if (left <= 0) return socket.end()
      if (socket.write(chunk)) setImmediate(write, left - chunk.length)
      else socket.once('drain', () => write(left - chunk.length))
    }
    write(bytes)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const timer = cpu()
  const socket = connectSocket(server.address().port, '127.0.0.1').resume()
  await once(socket, 'close')
  server.close()
  return timer()
}

async function makeDataSet(temporary) {
  const shared = fileURLToPath(new URL('../../../shared/data/mp20-qe/train.jsonl.gz', import.meta.url))
  const builtin = fileURLToPath(new URL('../../datasets/reference/crystals.jsonl', import.meta.url))
  const folder = join(temporary, 'data')
  const compiled = await importDataSet({
    ...{ name: 'bench', format: 'auto', cell: 'niggli', maxSites: 20, licence: null, labelSet: null },
    sources: [{ split: 'train', file: existsSync(shared) ? shared : builtin }],
  })
  await writeDataSetFolder(compiled, folder)
  return folder
}

function cpu() {
  const start = performance.now()
  const before = process.cpuUsage()
  return () => {
    const { user, system } = process.cpuUsage(before)
    return { cpu: (user + system) / 1000, wall: performance.now() - start }
  }
}

function ms({ cpu, wall }) {
  return `${cpu.toFixed(0)} ms CPU (${wall.toFixed(0)} ms by the clock)`
}
