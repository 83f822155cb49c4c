import { execFile } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { canRun, hasGth, hasPw, needsGth, needsPw, needsRun, temporaryFolder } from '../dft/fixtures.js'
import { fewPseudopotentials, ServerProcess } from './dft-server.js'

const bin = fileURLToPath(new URL('../../../env/bin.js', import.meta.url))

/** What a server that cannot start says. */
async function refusal(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<string> {
  const options = { env: { ...process.env, ...env }, timeout: 100_000 }
  const failed = await promisify(execFile)(process.execPath, [bin, 'serve', '--port', '0', ...args], options).catch(
    (error: { code: number; stderr: string }) => error,
  )
  expect(failed).toMatchObject({ code: 1 })
  return failed.stderr
}

async function health(server: ServerProcess): Promise<Record<string, unknown>> {
  const url = server.url.replace('ws:', 'http:').replace('/v1', '/health')
  return (await (await fetch(url)).json()) as Record<string, unknown>
}

test('--no-dft: recorded labels only, and the server says so', async () => {
  const server = await ServerProcess.start(['--no-dft'])
  expect(server.lines).toContain('rewards: recorded labels only (--no-dft)')
  expect(await health(server)).toMatchObject({ status: 'ok', dft: null })
  await server.end('SIGTERM')
})

test('without pw.x the server does without DFT and says how to get it; asked for, it is an error', async () => {
  const nowhere = { PATH: temporaryFolder() }
  const server = await ServerProcess.start([], nowhere)
  expect(server.lines.at(-1)).toMatch(/^rewards: recorded labels only, .*\(.*apt-get install/)
  await server.end('SIGTERM')
  if (hasGth) expect(await refusal(['--dft'], nowhere)).toMatch(/pw\.x cannot be started \(apt-get install/)
  expect(await refusal(['--pseudo', '/nonexistent'], nowhere)).toMatch(
    /^unitcell-env: error: pseudopotential folder .*\(/,
  )
})

test.runIf(hasPw && hasGth)(
  `a cache or work folder that cannot be written is an error at the start${needsPw}${needsGth}`,
  async () => {
    const folder = temporaryFolder()
    const file = join(folder, 'file')
    writeFileSync(file, 'something else')
    const [work, cache] = [join(folder, 'work'), join(folder, 'cache')]
    expect(await refusal(['--dft', '--work-folder', work, '--cache', file])).toMatch(/--cache/)
    expect(await refusal(['--dft', '--cache', cache, '--work-folder', file])).toMatch(/DFT work folder .*\(/)
  },
)

test.runIf(canRun)(
  `the server says which label set is in force, and whose labels do not count${needsRun}`,
  async () => {
    const folder = temporaryFolder()
    const places = ['--cache', join(folder, 'cache'), '--work-folder', join(folder, 'work'), '--dft-slots', '3']
    const same = await ServerProcess.start(['--pseudo', fewPseudopotentials(folder, ['Li', 'F']), ...places])
    expect(same.lines[0]).toMatch(/; its labels count for 2 elements/)
    expect(same.lines[1]).toMatch(
      /^rewards: cache .*, recorded labels, then Quantum Espresso .*label set [0-9a-f]{12}\)/,
    )
    expect(await health(same)).toMatchObject({
      dft: { label_set: expect.stringMatching(/^[0-9a-f]{64}$/), profile: 'fast', slots: 3, running: 0, queued: 0 },
    })
    await same.end('SIGTERM')
    const other = await ServerProcess.start(['--profile', 'paper-text', '--pseudo', join(folder, 'pseudo'), ...places])
    expect(other.lines[0]).toMatch(/; its labels are of another label set than the calculations, and do not count$/)
    await other.end('SIGTERM')
  },
)
