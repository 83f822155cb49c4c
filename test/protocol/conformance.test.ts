import { fileURLToPath } from 'node:url'
import { CASES, checkServer } from '@unitcell/protocol/conformance'
import { execaNode } from 'execa'
import { beforeAll, expect, test, vi } from 'vitest'
import { SlowEvaluator } from '../env/server/slow-evaluator.js'
import { startServer } from '../env/server/wire.js'
import { FAULTS, startFaulty } from './faulty-server.js'

// Many cases each, and no time to fail on.
vi.setConfig({ testTimeout: 240_000 })

let url: string
/** A server that calculates, and never comes to an end: the command withdraws the one calculation it asks for. */
let calculating: string
beforeAll(async () => {
  ;({ url } = await startServer())
  calculating = (await startServer({ rewards: new SlowEvaluator(2).source })).url
})

const broken = async (server: string, only?: string) =>
  (await checkServer(server, { only, patienceMs: 5000, encodings: ['msgpack'] }))
    .filter(({ status }) => status === 'failed')
    .map(({ rule, reason }) => `${rule}: ${reason}`)

test('every rule is a sentence of its own', () => {
  const rules = CASES.map(({ rule }) => rule)
  expect(new Set(rules).size).toBe(rules.length)
  expect(rules.length).toBeGreaterThan(35)
})

test('our server keeps every rule, in both subprotocols', async () => {
  const verdicts = await checkServer(url)
  expect(verdicts).toHaveLength(2 * CASES.length)
  expect(verdicts.filter(({ status }) => status === 'failed')).toEqual([])
  const skipped = verdicts.filter(({ status }) => status === 'skipped')
  expect(skipped.map(({ reason }) => reason)).toEqual(Array(2).fill('the server calculates nothing'))
  const progress = await checkServer(calculating, { only: 'progress' })
  expect(progress.map(({ status }) => status)).toEqual(['passed', 'passed'])
})

test.each([
  ['answers in the wrong order', /in order: the order of the answers/],
  ['an ignored seed', /the effective seed is told.*: the seed is/],
  ['an unknown field accepted', /an unknown field is refused.*: ping with .* was accepted/],
  ['a step taken twice after a resume', /not carried out twice: /],
  ['lost progress', /tells its progress.*: /],
])('a server with %s is found out', async (fault, complaint) => {
  const rule = { 'answers in the wrong order': 'in order', 'a step taken twice after a resume': 'after a resume' }[
    fault
  ]
  const only = rule ?? { 'an ignored seed': 'effective seed', 'lost progress': 'progress' }[fault] ?? 'unknown field'
  const sound = fault === 'lost progress' ? calculating : url
  const complaints = await broken(await startFaulty(sound, FAULTS[fault]), only)
  expect(complaints.join('\n')).toMatch(complaint)
  expect(await broken(await startFaulty(sound, {}), only)).toEqual([])
})

test('the command says what is broken, and fails', async () => {
  const program = fileURLToPath(new URL('../../protocol/dist/conformance/cli.js', import.meta.url))
  const run = (...args: string[]) => execaNode(program, args, { reject: false })
  const sound = await run('--server', url, '--only', 'seed')
  expect(sound.exitCode).toBe(0)
  expect(sound.stdout).toMatch(/\n8 passed, 0 failed, 0 skipped$/)
  const faulty = await run('--server', await startFaulty(url, FAULTS['an ignored seed']), '--only', 'effective seed')
  expect(faulty.exitCode).toBe(1)
  expect(faulty.stdout).toMatch(/^FAIL msgpack the effective seed is told/m)
  expect((await run()).stderr).toBe('conformance: error: no server (say which: --server ws://127.0.0.1:8787)')
})
