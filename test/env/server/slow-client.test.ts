import { elementIndex } from '@unitcell/datasets'
import { connect, type Client, type Progress } from '@unitcell/protocol'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { evaluated, failed, SlowEvaluator } from './slow-evaluator.js'
import { startServer } from './wire.js'

const LIF = 'reference-lif-rocksalt'
const [O, Na] = ['O', 'Na'].map((symbol) => elementIndex(symbol)!)

let evaluator: SlowEvaluator
let server: Awaited<ReturnType<typeof startServer>>
let client: Client
beforeEach(async () => {
  evaluator = new SlowEvaluator(2)
  server = await startServer({ rewards: evaluator.source, limits: { progress_seconds: 0.01 } })
  client = await connect(server.url, { timeoutMs: 300 })
})
afterEach(() => client.close())

/** Cuts all connections, as a broken network would. */
function cut(): void {
  for (const socket of server.connections) socket.terminate()
}

async function almostDone(options: object = {}) {
  const env = await client.make('CrystalFill-v1', { sites: 'file', ...options })
  await env.reset({ seed: 1, options: { crystal: LIF } })
  await env.step(O)
  return env
}

test('a reward that takes longer than the time-out of requests is waited for, with its progress', async () => {
  const env = await almostDone()
  const told: Progress[] = []
  const step = env.step(O, { onProgress: (progress) => told.push(progress) })
  await new Promise((resolve) => setTimeout(resolve, 700))
  await evaluator.report('O O', 2, 0.5)
  await new Promise((resolve) => setTimeout(resolve, 50))
  await evaluator.finish('O O', evaluated(-100, 0))
  expect(await step).toMatchObject({ reward: 2, terminated: true })
  expect(told.at(-1)).toMatchObject({ state: 'running', iteration: 2, estimated_accuracy_ry: 0.5 })
})

test('a step is withdrawn by a signal, fails with its reason, and changes nothing', async () => {
  const env = await almostDone()
  const abort = new AbortController()
  const step = env.step(O, { signal: abort.signal, onProgress: () => abort.abort(new Error('enough')) })
  await expect(step).rejects.toThrow('enough')
  expect((await env.observe()).observation.step).toBe(1)
  await expect(env.step(O, { signal: abort.signal })).rejects.toThrow('enough')
})

test('a lost connection loses no step: the calculation goes on, and its answer arrives', async () => {
  const env = await almostDone()
  const step = env.step(O)
  await evaluator.until(() => evaluator.started.length === 1)
  cut()
  await client.ping()
  cut()
  await evaluator.finish('O O')
  expect(await step).toMatchObject({ reward: 1, terminated: true })
  expect(evaluator.started).toEqual(['O O'])
})

test('a deferred reward is awaited by its number, before and after it is known, and over a lost connection', async () => {
  const env = await almostDone({ rewards: 'defer' })
  const { reward, terminated, info } = await env.step(O)
  expect([reward, terminated]).toEqual([NaN, true])
  const { evaluation } = info.outcome!
  const awaited = env.evaluation(evaluation!)
  await client.ping()
  cut()
  await evaluator.finish('O O', evaluated(-10, 0))
  const known = await awaited
  expect(known).toMatchObject({ evaluation, env: null, reward: 1, outcome: { source: 'test' } })
  expect(await env.evaluation(evaluation!)).toEqual(known)
})

test('a deferred reward is withdrawn by a signal', async () => {
  const env = await almostDone({ rewards: 'defer' })
  const { info } = await env.step(O)
  const abort = new AbortController()
  const awaited = env.evaluation(info.outcome!.evaluation!, { signal: abort.signal })
  abort.abort(new Error('enough'))
  await expect(awaited).rejects.toThrow('enough')
  expect(evaluator.withdrawn).toEqual(['O O'])
  await expect(env.evaluation(99)).rejects.toMatchObject({ code: 'unknown_evaluation' })
})

test('deferred rewards of a vector come in the order in which they become known', async () => {
  const env = await client.makeVector('CrystalFill-v1', 2, { sites: 'file', rewards: 'defer' })
  await env.reset({ seed: 1, options: { crystal: LIF } })
  const events = client.evaluations()
  await env.step([O, Na])
  expect([...(await env.step([O, Na])).rewards]).toEqual([NaN, NaN])
  await evaluator.finish('Na Na', failed('time_limit'))
  await evaluator.finish('O O')
  const told: unknown[] = []
  for await (const { env: whose, reward } of events) {
    told.push([whose, reward])
    if (told.length === 2) break
  }
  expect(told).toEqual([
    [1, -1],
    [0, 1],
  ])
})

test('the end of the connection ends the events, and fails what is awaited', async () => {
  const env = await almostDone({ rewards: 'defer' })
  const { info } = await env.step(O)
  const awaited = expect(env.evaluation(info.outcome!.evaluation!)).rejects.toMatchObject({ code: 'closed' })
  const told: unknown[] = []
  const events = (async () => {
    for await (const event of client.evaluations()) told.push(event)
  })()
  await client.close()
  await awaited
  await events
  expect(told).toEqual([])
})

test('more steps than may be in flight wait here, and can be withdrawn before they are sent', async () => {
  const { url } = await startServer({ rewards: evaluator.source, limits: { requests_in_flight: 2 } })
  const few = await connect(url)
  const cube = { lattice: [[4, 0, 0], [0, 4, 0], [0, 0, 4]], frac_coords: [[0, 0, 0]] } as never as object // prettier-ignore
  const evaluate = (symbol: string, signal?: AbortSignal) =>
    few.evaluate({ ...cube, species: [symbol] } as never, { ...(signal && { signal }) })
  const abort = new AbortController()
  const first = [evaluate('H'), evaluate('He')]
  const third = evaluate('Li', abort.signal)
  const fourth = evaluate('Be')
  await few.ping()
  abort.abort(new Error('enough'))
  await expect(third).rejects.toThrow('enough')
  for (const name of ['H', 'He', 'Be']) await evaluator.finish(name)
  await Promise.all([...first, fourth])
  expect(evaluator.started).toEqual(['H', 'He', 'Be'])
  await few.close()
})
