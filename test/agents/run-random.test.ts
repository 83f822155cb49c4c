import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gunzipSync } from 'node:zlib'
import { CrystalDataSet } from '@unitcell/datasets'
import { connect } from '@unitcell/protocol'
import { createAgent } from '@unitcell/random'
import { play, type GeneratedCrystal } from '@unitcell/training'
import { execaNode } from 'execa'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startServer } from '../env/server/wire.js'

const folder = mkdtempSync(join(tmpdir(), 'unitcell-agent-'))
afterAll(() => rmSync(folder, { recursive: true }))

let url: string
beforeAll(async () => {
  ;({ url } = await startServer())
})

const program = fileURLToPath(new URL('../../agents/cli/bin.js', import.meta.url))

async function run(...args: string[]) {
  const { exitCode, stdout, stderr } = await execaNode(program, ['run', ...args], {
    reject: false,
    env: { UNITCELL_TOKEN: '' },
  })
  return { exitCode, stdout, stderr }
}

const parse = (text: string) =>
  text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as GeneratedCrystal)

const read = (file: string) => parse(readFileSync(file, 'utf8'))

test('random plays every crystal of the split once, and writes truth, filling and reward of each', async () => {
  const out = join(folder, 'random.jsonl')
  const { exitCode, stdout } = await run('random', '--server', url, '--out', out)
  expect(exitCode).toBe(0)
  expect(stdout).toMatch(/^random: \d+ crystals filled, seed 0\n/)
  const crystals = read(out)
  const val = (await CrystalDataSet.openBuiltin()).split('val')
  expect(crystals.map(({ id }) => id)).toEqual(Array.from({ length: val.count }, (_, index) => val.id(index)))
  for (const { generated_species, true_species, frac_coords, lattice, reward, failure } of crystals) {
    expect(generated_species).toHaveLength(true_species!.length)
    expect(frac_coords).toHaveLength(true_species!.length)
    expect(lattice).toHaveLength(3)
    expect(typeof reward).toBe('number')
    if (failure !== null) expect(reward).toBe(-1)
  }
})

test('the same seed gives the same file, another seed another', async () => {
  const files = ['a', 'b', 'c'].map((name) => join(folder, `${name}.jsonl.gz`))
  const play = (file: string, seed: string) =>
    run('random', '--server', url, '--split', 'train', '--episodes', '40', '--seed', seed, '--out', file)
  await Promise.all([play(files[0], '5'), play(files[1], '5'), play(files[2], '6')])
  const [a, b, c] = files.map((file) => gunzipSync(readFileSync(file)).toString())
  expect(a).toBe(b)
  expect(c).not.toBe(a)
  expect(parse(a)).toHaveLength(40)
})

test('--json prints one object', async () => {
  const { stdout } = await run('random', '--server', url, '--episodes', '3', '--seed', '2', '--target', '1.5', '--json')
  expect(JSON.parse(stdout)).toMatchObject({ agent: 'random', seed: 2, episodes: 3, out: null })
})

test('an agent of your own is a module; the one of the README fills with oxygen', async () => {
  const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8')
  const code = /```js\n(\/\/ Fills every site[\s\S]*?)```/.exec(readme)![1]
  const agent = join(folder, 'my-agent.mjs')
  writeFileSync(agent, code)
  const out = join(folder, 'oxygen.jsonl')
  const { exitCode } = await run(agent, '--server', url, '--split', 'val', '--out', out)
  expect(exitCode).toBe(0)
  expect(new Set(read(out).flatMap(({ generated_species }) => generated_species))).toEqual(new Set(['O']))
})

test('where the server may not tell, ids are places and the truth is null', async () => {
  const client = await connect(url)
  const environment = { split: 'val', reveal: 'never' } as const
  const crystals = await play(client, createAgent({ seed: 1 }), { seed: 1, episodes: 3, batch: 2, environment })
  await client.close()
  expect(crystals.map(({ id }) => id)).toEqual(['val-0', 'val-1', 'val-2'])
  for (const { true_species, true_band_gap_ev } of crystals)
    expect([true_species, true_band_gap_ev]).toEqual([null, null])
})

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => probe.once('listening', resolve))
  const { port } = probe.address() as AddressInfo
  await new Promise((resolve) => probe.close(resolve))
  return port
}

test.each([
  [
    'no server',
    async () => ['random', '--server', `ws://127.0.0.1:${await freePort()}`],
    /no connection to .*start a server/,
  ],
  ['no address', async () => ['random', '--server', 'ftp://x'], /"ftp:\/\/x" is no address \(give e\.g\. ws:/],
  [
    'an unknown split',
    async () => ['random', '--server', url, '--split', 'dev'],
    /no split "dev" \(known: train, val\)/,
  ],
  [
    'an unknown data set',
    async () => ['random', '--server', url, '--dataset', 'mp'],
    /no data set "mp" \(known: builtin\)/,
  ],
  ['an unknown agent', async () => ['randon', '--server', url], /no agent randon \(known: random/],
  ['no server option', async () => ['random'], /required option '--server <url>'/],
  ['a seed that is none', async () => ['random', '--server', url, '--seed', '-1'], /whole number, at least 0/],
  ['no episodes', async () => ['random', '--server', url, '--episodes', '0'], /whole number, at least 1/],
  ['an unknown option', async () => ['random', '--server', url, '--epochs', '1'], /unknown option '--epochs'/],
  ['a folder that cannot be written', async () => ['random', '--server', url, '--out', '/proc/x/y.jsonl'], /\/proc/],
])('%s is one line on stderr, and a failure', async (_, args, message) => {
  const { exitCode, stdout, stderr } = await run(...(await args()))
  expect(exitCode).toBe(1)
  expect(stdout).toBe('')
  const errors = stderr.split('\n').filter((line) => line.startsWith('unitcell-agent: error: '))
  expect(errors).toHaveLength(1)
  expect(errors[0]).toMatch(message)
  expect(errors[0]).toMatch(/\(.+\)$/)
})

test.each([
  [
    'that throws',
    'export const createAgent = () => ({ name: "bad", act() { throw new Error("no idea") } })',
    /no idea/,
  ],
  ['that answers nonsense', 'export const createAgent = () => ({ name: "bad", act: () => [99] })', /no element index/],
  ['without createAgent', 'export const agent = 1', /is no agent \(export a function createAgent/],
  ['that does not parse', 'export const = 1', /cannot be loaded/],
])('an agent %s fails with its fault', async (name, code, message) => {
  const agent = join(folder, `${name.replaceAll(' ', '-')}.mjs`)
  writeFileSync(agent, code)
  const { exitCode, stderr } = await run(agent, '--server', url, '--episodes', '1')
  expect(exitCode).toBe(1)
  expect(stderr).toMatch(/^unitcell-agent: error: /m)
  expect(stderr).toMatch(message)
})
