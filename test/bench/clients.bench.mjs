// Environment steps per second of the Python package, beside the TypeScript client, and beside a plain JSON server of the
// kind of OpenEnv: one environment, one HTTP request a step, the same observation in full as JSON lists. All in one run.
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { createServer } from 'node:http'
import { loadavg } from 'node:os'
import { createInterface } from 'node:readline'
import { connect } from '@unitcell/protocol'

export const name = 'clients'

const VECTOR = 64
const SECONDS = 2
const python = process.env.UNITCELL_PYTHON ?? 'protocol/python/.venv/bin/python'

/** Steps the plain server from Python's standard library, as its own client would: a request and its JSON at a time. */
const plainClient = `
import http.client, json, sys, time
connection = http.client.HTTPConnection("127.0.0.1", int(sys.argv[1]))
def step(action):
    connection.request("POST", "/step", json.dumps({"action": {"element": action}}), {"Content-Type": "application/json"})
    return json.loads(connection.getresponse().read())
for k in range(50): step(k)
steps, begin = 0, time.perf_counter()
while time.perf_counter() - begin < ${SECONDS}:
    step(steps % 88)
    steps += 1
print(steps / (time.perf_counter() - begin))
`

async function environmentServer() {
  const child = spawn(process.execPath, ['env/bin.js', 'serve', '--no-dft', '--port', '0'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  for await (const line of createInterface(child.stdout)) {
    const url = /ws:\/\/\S+/.exec(line)?.[0]
    if (url !== undefined) return { url, stop: () => (child.kill(), once(child, 'exit')) }
  }
  throw new Error('the server did not start')
}

async function typescript(url) {
  const client = await connect(url)
  const env = await client.makeVector('CrystalFill-v1', VECTOR)
  await env.reset({ seed: 0 })
  const actions = new Int32Array(VECTOR)
  for (let k = 0; k < 97; k++) await env.step(actions.fill(k % 88))
  let steps = 0
  const begin = performance.now()
  while (performance.now() - begin < 1000 * SECONDS) await env.step(actions.fill(steps++ % 88))
  const rate = (VECTOR * steps * 1000) / (performance.now() - begin)
  await client.close()
  return rate
}

/** The observation of an environment as lists, as a plain server would send it; it does no other work. */
async function plainServer(url) {
  const client = await connect(url)
  const env = await client.make('CrystalFill-v1')
  const { observation } = await env.reset({ seed: 0 })
  await client.close()
  const lists = (_, value) => (ArrayBuffer.isView(value) ? [...value] : value)
  const body = JSON.parse(JSON.stringify({ observation, reward: 0, done: false }, lists))
  const server = createServer(async (request, response) => {
    let text = ''
    for await (const chunk of request) text += chunk
    body.observation.elements[0] = JSON.parse(text).action.element
    response.setHeader('Content-Type', 'application/json').end(JSON.stringify(body))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return server
}

async function fromPython(args) {
  const child = spawn(python, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  let text = ''
  for await (const chunk of child.stdout) text += chunk
  return text
}

export async function run(print) {
  if (!existsSync(python) || spawnSync(python, ['-c', 'import unitcell']).status !== 0) {
    print('skipped: no Python with the package (see protocol/python/README.md)')
    return
  }
  const server = await environmentServer()
  const plain = await plainServer(server.url)
  try {
    const bench = [
      '-m',
      'unitcell',
      'bench',
      '--url',
      server.url,
      '--num-envs',
      String(VECTOR),
      '--seconds',
      String(SECONDS),
    ]
    const rounds = []
    for (let round = 0; round < 3; round++) {
      rounds.push({
        typescript: await typescript(server.url),
        python: JSON.parse(await fromPython(bench)).steps_per_second,
        plain: Number(await fromPython(['-c', plainClient, String(plain.address().port)])),
      })
    }
    const median = (values) => values.sort((a, b) => a - b)[values.length >> 1]
    const rate = (name) => median(rounds.map((round) => round[name]))
    const ratio = (a, b) => median(rounds.map((round) => round[a] / round[b]))
    print(`TypeScript client   ${rate('typescript').toFixed(0)} environment steps/s, vector of ${VECTOR}`)
    print(
      `Python package      ${rate('python').toFixed(0)} environment steps/s, vector of ${VECTOR}, padded observations`,
    )
    print(`  ratio to TypeScript       ${ratio('python', 'typescript').toFixed(2)}  (aim: at least 0.5)`)
    print(
      `plain JSON server   ${rate('plain').toFixed(0)} steps/s from Python, one environment, the observation as JSON`,
    )
    print(`  ratio to a plain server   ${ratio('python', 'plain').toFixed(1)}  (aim: at least 10)`)
    print(`load ${loadavg()[0].toFixed(2)}; medians of 3 rounds`)
  } finally {
    plain.close()
    await server.stop()
  }
}
