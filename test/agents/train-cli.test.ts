import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { consensus } from '@unitcell/training'
import { afterAll, expect, test } from 'vitest'
import { startServer } from '../env/server/wire.js'

const folder = mkdtempSync(join(tmpdir(), 'unitcell-train-'))
afterAll(() => rmSync(folder, { recursive: true }))

const program = fileURLToPath(new URL('../../agents/cli/bin.js', import.meta.url))

function run(...args: string[]): Promise<{ status: number; stdout: string; stderr: string }> {
  return new Promise((resolve) =>
    execFile(process.execPath, [program, ...args], (error, stdout, stderr) =>
      resolve({ status: error === null ? 0 : Number(error.code), stdout, stderr }),
    ),
  )
}

const out = join(folder, 'run')

test('train, info and run: an agent learns, says what it is, and plays over the wire, alone and by consensus', async () => {
  const length = ['--steps', '4', '--batch-size', '8', '--seed', '5']
  const trained = await run('train', 'bc', '--data', 'builtin', '--out', out, ...length, '--json')
  expect(trained.status, trained.stderr).toBe(0)
  expect(JSON.parse(trained.stdout)).toMatchObject({ agent: 'bc', step: 4 })
  const told = JSON.parse((await run('info', out, '--json')).stdout) as object
  expect(told).toMatchObject({ agent: 'bc', last_step: 4, config: { seed: 5, batchSize: 8 } })
  const { url } = await startServer()
  for (const how of [[], ['--votes', '3', '--neutral']]) {
    const played = await run('run', 'bc', '--checkpoint', out, '--server', url, '--episodes', '5', '--json', ...how)
    expect(played.status, played.stderr).toBe(0)
    expect(JSON.parse(played.stdout)).toMatchObject({ agent: 'bc', episodes: 5 })
  }
}, 120_000)

test.each([
  ['an option of another agent', ['bc', '--target', '2'], /bc has no --target \(leave it out/],
  ['a run that is not there', ['cql', '--resume', '--out', join(folder, 'none')], /holds no run to go on with \(/],
  ['an agent that cannot learn', ['random'], /'random' is invalid for argument 'agent'/],
])('train refuses %s', async (_, args, message) => {
  const where = args.includes('--out') ? [] : ['--out', join(folder, 'new')]
  const { status, stdout, stderr } = await run('train', ...args, ...where, '--data', 'builtin')
  expect({ status, stdout }).toEqual({ status: 1, stdout: '' })
  expect(stderr).toMatch(message)
})

test('a consensus agrees with most, and is valid where one of the fillings is', () => {
  const [na, cl, he] = [10, 16, 1]
  expect([...consensus([Uint8Array.of(na, cl), Uint8Array.of(na, cl), Uint8Array.of(cl, na)])]).toEqual([na, cl])
  expect([...consensus([Uint8Array.of(he, cl), Uint8Array.of(he, cl), Uint8Array.of(na, cl)])]).toEqual([na, cl])
})
