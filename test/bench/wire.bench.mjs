import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { loadavg } from 'node:os'
import { createInterface } from 'node:readline'
import { connect } from '@unitcell/protocol'
import { WebSocket } from 'ws'

export const name = 'wire'

const CLIENT_CPU = '0'
const SERVER_CPU = '1'
const VECTOR = 64
const ROUNDS = 7
const ROUND_MS = 700

/** Starts a server on a core of its own and reads where it listens. */
async function start(args) {
  const child = spawn('taskset', ['-c', SERVER_CPU, process.execPath, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  for await (const line of createInterface(child.stdout)) {
    const url = /ws:\/\/\S+/.exec(line)?.[0]
    if (url !== undefined) return { url, stop: () => (child.kill(), once(child, 'exit')) }
  }
  throw new Error('the server did not start')
}

const median = (values) => values.slice().sort((a, b) => a - b)[values.length >> 1]

/** Calls per second of an asynchronous call, for about ROUND_MS. */
async function rate(call) {
  let calls = 0
  const begin = performance.now()
  while (performance.now() - begin < ROUND_MS) for (let i = 0; i < 50; i++, calls++) await call()
  return (calls / (performance.now() - begin)) * 1000
}

/** A raw echo: binary frames of these sizes, client to server and back. */
async function echo(url, sent, answered) {
  const socket = new WebSocket(`${url}?bytes=${answered}`, { perMessageDeflate: false })
  await once(socket, 'open')
  const frame = Buffer.alloc(sent, 7)
  let answer
  socket.on('message', () => answer())
  const call = () => new Promise((resolve) => ((answer = resolve), socket.send(frame)))
  return { call, close: () => socket.terminate() }
}

/** Mean bytes per frame each way of the last calls through a client, read off its socket. */
function meter() {
  const { send, emit } = WebSocket.prototype
  const total = { sent: 0, received: 0, frames: 0 }
  WebSocket.prototype.send = function (data, ...rest) {
    total.sent += data.length
    total.frames++
    return send.call(this, data, ...rest)
  }
  WebSocket.prototype.emit = function (event, ...args) {
    if (event === 'message') total.received += args[0].length
    return emit.call(this, event, ...args)
  }
  return () => {
    Object.assign(WebSocket.prototype, { send, emit })
    return { sent: Math.round(total.sent / total.frames), received: Math.round(total.received / total.frames) }
  }
}

/** A step of one environment; the step after an end starts the next episode, so that every call is one round trip. */
async function singleSteps(client) {
  const env = await client.make('CrystalFill-v1', { autoreset: 'next_step' })
  await env.reset({ seed: 1 })
  let action = 0
  return () => env.step(action++ % 88)
}

async function vectorSteps(client) {
  const env = await client.makeVector('CrystalFill-v1', VECTOR)
  await env.reset({ seed: 1 })
  const actions = new Int32Array(VECTOR)
  let action = 0
  return () => env.step(actions.fill(action++ % 88))
}

/** Round trips of a single environment and of a vector of 64, beside a raw `ws` echo of frames of the same mean sizes. */
export async function run(print) {
  spawn('taskset', ['-cp', CLIENT_CPU, String(process.pid)], { stdio: 'ignore' })
  const server = await start([
    'env/bin.js',
    'serve',
    '--no-dft',
    '--port',
    '0',
    ...(process.env.UNITCELL_BENCH_DATA ? ['--data', process.env.UNITCELL_BENCH_DATA] : []),
  ])
  const peer = await start([new URL('echo-server.mjs', import.meta.url).pathname])
  const client = await connect(server.url)
  try {
    const single = await singleSteps(client)
    const vector = await vectorSteps(client)
    for (const call of [single, vector]) await rate(call)
    const sizes = []
    for (const call of [single, vector]) {
      const stop = meter()
      await rate(call)
      sizes.push(stop())
    }
    const [singleEcho, vectorEcho] = await Promise.all(
      sizes.map(({ sent, received }) => echo(peer.url, sent, received)),
    )
    const rates = { single: [], singleEcho: [], vector: [], vectorEcho: [] }
    for (let round = 0; round < ROUNDS; round++) {
      rates.singleEcho.push(await rate(singleEcho.call))
      rates.single.push(await rate(single))
      rates.vectorEcho.push(await rate(vectorEcho.call))
      rates.vector.push(VECTOR * (await rate(vector)))
    }
    const [one, oneEcho, many, manyEcho] = [rates.single, rates.singleEcho, rates.vector, rates.vectorEcho].map(median)
    const ratios = (a, b) => median(a.map((value, i) => value / b[i]))
    print(`single environment   ${one.toFixed(0)} steps/s (frames of ${sizes[0].sent} / ${sizes[0].received} bytes)`)
    print(`raw echo, same sizes ${oneEcho.toFixed(0)} round trips/s`)
    print(`  ratio single / echo  ${ratios(rates.single, rates.singleEcho).toFixed(2)}  (aim: at least 0.8)`)
    print(
      `vector of ${VECTOR}         ${many.toFixed(0)} environment steps/s (frames of ${sizes[1].sent} / ${sizes[1].received} bytes)`,
    )
    print(`raw echo, same sizes ${manyEcho.toFixed(0)} round trips/s (x ${VECTOR} = ${(VECTOR * manyEcho).toFixed(0)})`)
    print(`  ratio vector / single ${ratios(rates.vector, rates.single).toFixed(1)}  (aim: at least 25)`)
    print(`load ${loadavg()[0].toFixed(2)}; medians of ${ROUNDS} rounds; client and server on a core each`)
    singleEcho.close()
    vectorEcho.close()
  } finally {
    await client.close()
    await Promise.all([server.stop(), peer.stop()])
  }
}
