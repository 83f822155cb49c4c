import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  DftRunner,
  SlurmLauncher,
  jobPhase,
  parseScontrolJob,
  parseSqueue,
  type DftConverged,
  type DftResult,
  type RunProgress,
  type RunRecord,
  type SlurmOptions,
} from '@unitcell/env'
import { shared } from '../../shared.js'
import {
  canRun,
  needsRun,
  paperPseudopotentials,
  processesBelow,
  referenceRows,
  rocksalt,
  runsLeft,
  structure,
  temporaryFolder,
} from './fixtures.js'
import { SlurmCluster, hasSlurm, needsSlurm } from './slurm-cluster.js'

const canTest = canRun && hasSlurm
const needs = needsRun || needsSlurm

const lif = rocksalt(4.027, 'Li', 'F')
/** A run that goes on until it is stopped. */
const endless = {
  editInput: (input: string) =>
    input.replace('conv_thr=1.0d-6', 'conv_thr=1.0d-60').replace(/max_seconds=\S+/, 'max_seconds=600'),
}

let cluster: SlurmCluster

async function runnerIn(workFolder: string, options: SlurmOptions = {}): Promise<DftRunner> {
  const launcher = new SlurmLauncher({ pollSeconds: 0.2, fileDelaySeconds: 1, pwVersion: '6.7MaX', ...options })
  return DftRunner.create({ pseudopotentials: await paperPseudopotentials(), workFolder, launcher })
}

function converged(result: DftResult): DftConverged {
  if (result.status === 'failed') throw new Error(`the run failed: ${result.failure.message}`)
  return result
}

/** A program that stands in for pw.x on the nodes. */
function script(folder: string, body: string): string {
  const path = join(folder, 'pw.sh')
  writeFileSync(path, `#!/bin/sh\n${body}\n`, { mode: 0o755 })
  return path
}

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await sleep(50)
}

/** Waits until pw.x has begun in all of so many runs. */
function untilRunning(workFolder: string, count = 1): Promise<void> {
  const reports = () => runsLeft(workFolder).filter((run) => existsSync(join(workFolder, 'runs', run, 'x.out')))
  return until(() => reports().length === count)
}

async function expectNothingLeft(workFolder: string): Promise<void> {
  expect(runsLeft(workFolder)).toEqual([])
  await until(async () => (await cluster.jobs()).length === 0)
  await until(() => processesBelow(workFolder).length === 0)
}

describe.skipIf(!canTest)('pw.x on a SLURM of one node' + needs, () => {
  beforeAll(async () => {
    cluster = await SlurmCluster.start()
  })
  afterAll(async () => {
    await cluster?.stop()
  })

  test('tells its version', async () => {
    expect(await new SlurmLauncher().version()).toMatch(/^\d+\.\d+/)
    await expect(new SlurmLauncher({ pw: '/nowhere/pw.x' }).version()).rejects.toMatchObject({ code: 'pw_missing' })
    await expect(new SlurmLauncher({ partition: 'nowhere' }).version()).rejects.toMatchObject({ code: 'slurm_error' })
  })

  test('gives the labels of the reference set, and tells of its steps', async () => {
    const workFolder = temporaryFolder()
    const runner = await runnerIn(workFolder)
    const row = referenceRows().get('reference-mgo-rocksalt') ?? referenceRows().get('mgo-rocksalt')!
    const seen: RunProgress[] = []
    const crystal = structure(row.lattice, row.frac_coords, row.species)
    const result = converged(await runner.run(crystal, { onProgress: (step) => seen.push(step) }))
    expect(Math.abs(result.totalEnergyRy - row.total_energy_ry)).toBeLessThan(1e-5)
    expect(Math.abs(result.signedGapEv - row.signed_gap_ev)).toBeLessThan(0.005)
    expect(seen.at(-1)?.iteration).toBe(result.scfIterations)
    expect(result.wallSeconds).toBeGreaterThan(result.cpuSeconds / 2)
    await expectNothingLeft(workFolder)
  })

  test('shares a job among runs, of which each can be cancelled alone', async () => {
    const workFolder = temporaryFolder()
    const runner = await runnerIn(workFolder, { runsPerJob: 2, packSeconds: 5 })
    const controller = new AbortController()
    const runs = [
      runner.run(lif, { key: 'wanted' }),
      runner.run(lif, { key: 'unwanted', signal: controller.signal, ...endless }),
    ]
    await untilRunning(workFolder, 2)
    expect(await cluster.jobs()).toHaveLength(1)
    controller.abort()
    const [wanted, unwanted] = await Promise.all(runs)
    expect(converged(wanted).totalEnergyRy).toBeCloseTo(-63.3479, 2)
    expect(unwanted).toMatchObject({ status: 'failed', failure: { code: 'cancelled' } })
    await expectNothingLeft(workFolder)
  })

  test('leaves no job and no folder when it is cancelled, running or waiting', async () => {
    const workFolder = temporaryFolder()
    const runner = await runnerIn(workFolder)
    const controller = new AbortController()
    const runs = [1, 2, 3].map(() => runner.run(lif, { signal: controller.signal, ...endless }))
    await untilRunning(workFolder, 2)
    await until(async () => (await cluster.jobs()).length === 3)
    controller.abort()
    for (const result of await Promise.all(runs)) {
      expect(result).toMatchObject({ status: 'failed', failure: { code: 'cancelled', deterministic: false } })
    }
    await expectNothingLeft(workFolder)
  })

  test('is ended at its time limit, which is finer than the minutes of SLURM', async () => {
    const workFolder = temporaryFolder()
    const runner = await runnerIn(workFolder)
    const result = await runner.run(lif, { timeLimitSeconds: 1.5, ...endless })
    expect(result).toMatchObject({ status: 'failed', failure: { code: 'time_limit', deterministic: false } })
    expect(result.wallSeconds).toBeGreaterThanOrEqual(1.5)
    expect(result.wallSeconds).toBeLessThan(60)
    await expectNothingLeft(workFolder)
  })

  test('fails with its own failure, exit code and signal', async () => {
    const workFolder = temporaryFolder()
    const runner = await runnerIn(workFolder)
    const editInput = (input: string) => input.replace(/nbnd=\d+/, 'nbnd=1')
    expect(await runner.run(lif, { editInput })).toMatchObject({ failure: { code: 'too_few_bands' } })

    const exits = await runnerIn(workFolder, { pw: script(temporaryFolder(), 'exit 7') })
    const failure = { code: 'no_result', message: expect.stringContaining('exit code 7') as string }
    expect(await exits.run(lif)).toMatchObject({ failure })
    const dies = await runnerIn(workFolder, { pw: script(temporaryFolder(), 'kill -SEGV $$') })
    expect(await dies.run(lif)).toMatchObject({ failure: { code: 'killed', deterministic: false } })
    const absent = await runnerIn(workFolder, { pw: '/nowhere/pw.x' })
    expect(await absent.run(lif)).toMatchObject({
      failure: { message: expect.stringContaining('cannot be started') as string },
    })
    const silent = await runnerIn(workFolder, { setup: 'exit 3' })
    const shared = { code: 'no_result', message: expect.stringContaining('is the work folder shared') as string }
    expect(await silent.run(lif)).toMatchObject({ failure: shared })
    await expectNothingLeft(workFolder)
  })

  test('sees nothing of SLURM in its environment', async () => {
    const workFolder = temporaryFolder()
    const seen = join(workFolder, 'environment')
    process.env['PMI_RANK'] = '0'
    const runner = await runnerIn(workFolder, { pw: script(temporaryFolder(), `env > ${seen}`) })
    await runner.run(lif)
    delete process.env['PMI_RANK']
    const environment = readFileSync(seen, 'utf8')
    expect(environment).toMatch(/^OMP_NUM_THREADS=1$/m)
    expect(environment).not.toMatch(/^(SLURM|PMI)/m)
  })

  test('tells the failure of a node, and a job ended by another, from its own', async () => {
    const workFolder = temporaryFolder()
    const runner = await runnerIn(workFolder)
    const lost = runner.run(lif, endless)
    await untilRunning(workFolder)
    await cluster.failNode()
    expect(await lost).toMatchObject({ status: 'failed', failure: { code: 'node_failed', deterministic: false } })
    await cluster.resumeNode()

    const ended = runner.run(lif, endless)
    await untilRunning(workFolder)
    await cluster.cancelJobs()
    expect(await ended).toMatchObject({ status: 'failed', failure: { code: 'cancelled', deterministic: false } })
    await expectNothingLeft(workFolder)
  })

  test('is refused with what SLURM says', async () => {
    const workFolder = temporaryFolder()
    const runner = await runnerIn(workFolder, { partition: 'nowhere' })
    await expect(runner.run(lif)).rejects.toMatchObject({
      code: 'slurm_error',
      message: expect.stringContaining('invalid partition') as string,
    })
    await expectNothingLeft(workFolder)
    expect(() => new SlurmLauncher({ runsPerJob: 0 })).toThrow(/share a SLURM job/)
  })
  describe('that a killed server left', () => {
    /** Starts a server that submits a run, and kills it once the run's job is recorded. */
    async function killedServer(workFolder: string): Promise<RunRecord> {
      const program = fileURLToPath(new URL('slurm-server.mjs', import.meta.url))
      const crystal = JSON.stringify({
        lattice: [...lif.lattice],
        fracCoords: [...lif.fracCoords],
        species: [...lif.species],
      })
      const server = spawn(process.execPath, [program, workFolder, shared('data/pseudo'), crystal], {
        stdio: 'inherit',
      })
      const record = () => {
        const [run] = runsLeft(workFolder)
        const path = join(workFolder, 'runs', run ?? '', 'run.json')
        return existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as RunRecord) : null
      }
      await until(() => typeof record()?.job?.id === 'string')
      server.kill('SIGKILL')
      await once(server, 'exit')
      return record()!
    }

    test('is found by the next one, which waits for the job and reads its result', async () => {
      const workFolder = temporaryFolder()
      const record = await killedServer(workFolder)
      const runner = await runnerIn(workFolder)
      const before = runsLeft(workFolder)
      const result = runner.run(lif)
      await until(() => readRecordOwner(workFolder, before[0]) === process.pid)
      expect(runsLeft(workFolder)).toEqual(before)
      expect(converged(await result).totalEnergyRy).toBeCloseTo(-63.3479, 2)
      expect(record).toMatchObject({ launcher: 'slurm', job: { name: `unitcell-${before[0]}` } })
      await expectNothingLeft(workFolder)
    })

    test('is found by the name of its job where the server died before it knew the number, also when it has ended', async () => {
      const workFolder = temporaryFolder()
      const record = await killedServer(workFolder)
      const [run] = runsLeft(workFolder)
      const path = join(workFolder, 'runs', run)
      writeFileSync(join(path, 'run.json'), JSON.stringify({ ...record, job: { ...record.job, id: null } }))
      await until(() => existsSync(join(path, 'exit.json')))
      const runner = await runnerIn(workFolder)
      const begun = runner.run(lif)
      await until(() => readRecordOwner(workFolder, run) === process.pid)
      expect(converged(await begun).totalEnergyRy).toBeCloseTo(-63.3479, 2)
      await expectNothingLeft(workFolder)
    })

    test('is ended where nobody wants it', async () => {
      const workFolder = temporaryFolder()
      await killedServer(workFolder)
      expect(await new SlurmLauncher().reapOrphans(workFolder)).toBe(1)
      await expectNothingLeft(workFolder)
    })
  })
})

function readRecordOwner(workFolder: string, run: string): number | null {
  const path = join(workFolder, 'runs', run, 'run.json')
  return existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as RunRecord).owner.pid : null
}

describe('the words of SLURM', () => {
  test('tell how a job goes', () => {
    const phases = ['PENDING', 'RUNNING', 'COMPLETING', 'COMPLETED', 'FAILED', 'TIMEOUT', 'CANCELLED'].map(jobPhase)
    expect(phases).toEqual(['waiting', 'active', 'active', 'finished', 'finished', 'time_limit', 'cancelled'])
    for (const state of ['NODE_FAIL', 'BOOT_FAIL', 'PREEMPTED']) expect(jobPhase(state)).toBe('node_failed')
    expect(jobPhase('OUT_OF_MEMORY')).toBe('out_of_memory')
    expect(jobPhase('SOMETHING_NEW')).toBe('active')
  })

  test('are read from squeue and scontrol', () => {
    const jobs = parseSqueue('12|RUNNING|unitcell-run-a\n13|NODE_FAIL|with|bars\n')
    expect(jobs.get('12')).toEqual({ id: '12', state: 'RUNNING', name: 'unitcell-run-a' })
    expect(jobs.get('13')?.name).toBe('with|bars')
    // Printed by SLURM 22.05 for a job whose node was set down, shortened.
    const line =
      'JobId=4 JobName=sbatch UserId=root(0) QOS=(null) JobState=NODE_FAIL Reason=NodeDown Dependency=(null) Requeue=0 ' +
      'ExitCode=0:15 RunTime=00:00:02 ReqNodeList=(null) ExcNodeList=(null) NodeList=vm BatchHost=vm'
    const details = { id: '4', name: 'sbatch', state: 'NODE_FAIL', reason: 'NodeDown', exitCode: '0:15', nodes: 'vm' }
    expect(parseScontrolJob(line)).toEqual(details)
    expect(parseScontrolJob('No jobs in the system')).toBeNull()
  })
})
