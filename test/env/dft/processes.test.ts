import { spawn } from 'node:child_process'
import { mkdirSync, readFileSync, readdirSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { DftRunner, LocalLauncher, isRunning, processId, type RunRecord } from '@unitcell/env'
import {
  canRun,
  needsRun,
  paperPseudopotentials,
  processesBelow,
  rocksalt,
  runsLeft,
  temporaryFolder,
} from './fixtures.js'

/** A run that goes on until it is stopped. */
const endless = { editInput: (input: string) => input.replace('conv_thr=1.0d-6', 'conv_thr=1.0d-60') }
const lif = rocksalt(4.027, 'Li', 'F')

/** A program that stands in for pw.x. */
function script(folder: string, body: string): string {
  const path = join(folder, 'pw.sh')
  writeFileSync(path, `#!/bin/sh\n[ $# -eq 0 ] && echo "Program PWSCF v.0" && exit\n${body}\n`, { mode: 0o755 })
  return path
}

async function runnerIn(workFolder: string, pw = 'pw.x'): Promise<DftRunner> {
  const pseudopotentials = await paperPseudopotentials()
  return DftRunner.create({ pseudopotentials, workFolder, launcher: new LocalLauncher(pw) })
}

function openMpiFolders(): string[] {
  return readdirSync(tmpdir())
    .filter((name) => name.startsWith('ompi.'))
    .flatMap((name) => readdirSync(join(tmpdir(), name)).map((job) => join(name, job)))
}

describe('a run that is ended', () => {
  test.skipIf(!canRun)('by the time limit leaves no process and no file' + needsRun, async () => {
    const workFolder = temporaryFolder()
    const runner = await runnerIn(workFolder)
    const before = openMpiFolders()
    // pw.x itself would stop later than its limit.
    const editInput = (input: string) => endless.editInput(input).replace(/max_seconds=\S+/, 'max_seconds=600')
    const result = await runner.run(lif, { timeLimitSeconds: 1, editInput })
    expect(result).toMatchObject({ status: 'failed', failure: { code: 'time_limit', deterministic: false } })
    expect(result.wallSeconds).toBeGreaterThanOrEqual(1)
    expect(processesBelow(workFolder)).toEqual([])
    expect(runsLeft(workFolder)).toEqual([])
    expect(openMpiFolders()).toEqual(before)
  })

  test.skipIf(!canRun)('by max_seconds just before it counts as the same' + needsRun, async () => {
    const runner = await runnerIn(temporaryFolder())
    const result = await runner.run(lif, { timeLimitSeconds: 3, ...endless })
    expect(result).toMatchObject({ status: 'failed', failure: { code: 'time_limit' } })
    expect(result.cpuSeconds).toBeGreaterThan(0)
  })

  test.skipIf(!canRun)('by its caller, before or amid, leaves no process and no file' + needsRun, async () => {
    const workFolder = temporaryFolder()
    const runner = await runnerIn(workFolder)
    const controller = new AbortController()
    const onProgress = () => controller.abort()
    const amid = await runner.run(lif, { signal: controller.signal, onProgress, ...endless })
    expect(amid).toMatchObject({ status: 'failed', failure: { code: 'cancelled', deterministic: false } })
    const before = await runner.run(lif, { signal: controller.signal })
    expect(before).toMatchObject({ status: 'failed', failure: { code: 'cancelled' }, cpuSeconds: 0 })
    expect(processesBelow(workFolder)).toEqual([])
    expect(runsLeft(workFolder)).toEqual([])
  })

  test.skipIf(!canRun)(
    'is killed with its children where it does not listen' + needsRun,
    async () => {
      const workFolder = temporaryFolder()
      const runner = await runnerIn(
        workFolder,
        script(workFolder, 'trap "" TERM; sleep 600 & sleep 600; sleep 600; sleep 600'),
      )
      const result = await runner.run(lif, { timeLimitSeconds: 0.3 })
      expect(result).toMatchObject({ status: 'failed', failure: { code: 'time_limit' } })
      await sleep(50)
      expect(processesBelow(join(workFolder, 'runs'))).toEqual([])
      expect(runsLeft(workFolder)).toEqual([])
    },
    20_000,
  )
})

/** A run, as a server that was killed with KILL leaves it: its process goes on, its record names a server that is gone. */
async function orphan(workFolder: string): Promise<RunRecord> {
  const run = join(workFolder, 'runs', 'run-orphan')
  mkdirSync(join(run, 'tmp'), { recursive: true })
  const child = spawn('sleep', ['600'], { cwd: run, detached: true, stdio: 'ignore' })
  const server = spawn('sleep', ['600'], { stdio: 'ignore' })
  const [owner, process] = await Promise.all([processId(server.pid!), processId(child.pid!)])
  const record: RunRecord = { launcher: 'local', key: 'k', owner: owner!, process, startedAt: new Date().toISOString() }
  writeFileSync(join(run, 'run.json'), JSON.stringify(record))
  server.kill('SIGKILL')
  while (await isRunning(record.owner)) await sleep(5)
  return record
}

describe('what a killed server left', () => {
  const launcher = new LocalLauncher()

  test('is ended and removed at the next start', async () => {
    const workFolder = temporaryFolder()
    const record = await orphan(workFolder)
    expect(await isRunning(record.process!)).toBe(true)
    expect(await launcher.reapOrphans(workFolder)).toBe(1)
    expect(await isRunning(record.process!)).toBe(false)
    expect(runsLeft(workFolder)).toEqual([])
  })

  test('is found by its working folder where the server died before it could record it', async () => {
    const workFolder = temporaryFolder()
    const record = await orphan(workFolder)
    const path = join(workFolder, 'runs', 'run-orphan', 'run.json')
    writeFileSync(path, JSON.stringify({ ...record, process: null }))
    expect(await launcher.reapOrphans(workFolder)).toBe(1)
    expect(await isRunning(record.process!)).toBe(false)
  })

  test('is left alone where the number now belongs to another process, or the server lives', async () => {
    const workFolder = temporaryFolder()
    const record = await orphan(workFolder)
    const bystander = spawn('sleep', ['600'], { cwd: '/', detached: true, stdio: 'ignore' })
    const id = (await processId(bystander.pid!))!
    const path = join(workFolder, 'runs', 'run-orphan', 'run.json')
    const me = (await processId(process.pid))!
    writeFileSync(path, JSON.stringify({ ...record, owner: me }))
    expect(await launcher.reapOrphans(workFolder)).toBe(0)
    expect(await isRunning(record.process!)).toBe(true)
    writeFileSync(path, JSON.stringify({ ...record, process: { ...id, started: 'earlier' } }))
    expect(await launcher.reapOrphans(workFolder)).toBe(1)
    expect(await isRunning(id)).toBe(true)
    process.kill(id.pid, 'SIGKILL')
  })

  test('without a record is removed once it is old', async () => {
    const workFolder = temporaryFolder()
    const run = join(workFolder, 'runs', 'run-young')
    mkdirSync(run, { recursive: true })
    expect(await launcher.reapOrphans(workFolder)).toBe(0)
    const old = Date.now() / 1000 - 3600
    utimesSync(run, old, old)
    expect(await launcher.reapOrphans(workFolder)).toBe(1)
    expect(runsLeft(workFolder)).toEqual([])
  })

  test.skipIf(!canRun)('is a real pw.x, recorded with its start' + needsRun, async () => {
    const workFolder = temporaryFolder()
    const runner = await runnerIn(workFolder)
    const controller = new AbortController()
    let record: RunRecord | undefined
    const onProgress = () => {
      const [run] = runsLeft(workFolder)
      record ??= JSON.parse(readFileSync(join(workFolder, 'runs', run, 'run.json'), 'utf8')) as RunRecord
      controller.abort()
    }
    await runner.run(lif, { signal: controller.signal, onProgress, key: 'lithium fluoride', ...endless })
    expect(record).toMatchObject({ launcher: 'local', key: 'lithium fluoride', owner: { pid: process.pid } })
    expect(record!.process!.pid).not.toBe(process.pid)
    expect(await isRunning(record!.process!)).toBe(false)
  })
})

test.skipIf(!canRun)('a work folder that is a file is refused at the start' + needsRun, async () => {
  const file = join(temporaryFolder(), 'file')
  writeFileSync(file, '')
  await expect(runnerIn(file)).rejects.toMatchObject({ code: 'work_folder_unwritable' })
})
