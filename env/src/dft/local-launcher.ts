import { spawn } from 'node:child_process'
import { mkdtemp, open, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execa } from 'execa'
import { DftError } from './errors.js'
import type { LaunchOptions, Launcher, RunEnd, RunHandle } from './launcher.js'
import { endProcess, isRunning, processId, processesIn, signalGroup } from './process.js'
import { pwEnvironment } from './pw-environment.js'
import { ReportTail } from './report-tail.js'
import { INPUT_FILE, MESSAGES_FILE, REPORT_FILE, findRuns, removeFolder, type RunFolder } from './run-folder.js'

/** Between TERM and KILL. */
const graceSeconds = 5

/** How often a running report is looked at. */
const tailSeconds = 0.25

/** Runs pw.x on this machine, one process each, in a process group of its own. */
export class LocalLauncher implements Launcher {
  readonly name = 'local'

  /** @param pw name or path of the program */
  constructor(private readonly pw: string = 'pw.x') {}

  async version(): Promise<string> {
    // pw.x has no option for it; it prints its version before it notices that the input is empty.
    const folder = await mkdtemp(join(tmpdir(), 'unitcell-pw-'))
    try {
      const probe = await execa(this.pw, {
        cwd: folder,
        env: pwEnvironment(folder),
        reject: false,
        stdin: 'ignore',
        timeout: 30_000,
      })
      const version = /Program PWSCF v\.(\S+)/.exec(probe.stdout)?.[1]
      if (version !== undefined) return version
      throw this.missing(probe.cause)
    } finally {
      await rm(folder, { recursive: true, force: true })
    }
  }

  async start(folder: RunFolder, options: LaunchOptions): Promise<RunHandle> {
    const begun = performance.now()
    const elapsedSeconds = () => (performance.now() - begun) / 1000
    const stdout = await open(join(folder.path, REPORT_FILE), 'w')
    const stderr = await open(join(folder.path, MESSAGES_FILE), 'w')
    // Written straight to files, not through this process, so that the report is whole whatever becomes of the server.
    const child = spawn(this.pw, ['-in', INPUT_FILE], {
      cwd: folder.path,
      env: { ...process.env, ...pwEnvironment(folder.path) },
      detached: true,
      stdio: ['ignore', stdout.fd, stderr.fd],
    })
    const exited = new Promise<{ exitCode: number | null; signal: string | null; cause?: unknown }>((resolve) => {
      child.once('exit', (exitCode, signal) => resolve({ exitCode, signal }))
      child.once('error', (cause) => resolve({ exitCode: null, signal: null, cause }))
    })
    await Promise.all([stdout.close(), stderr.close()])
    const pgid = child.pid
    if (pgid === undefined) throw this.missing((await exited).cause)

    let stoppedBy: RunEnd['stoppedBy'] = null
    let killTimer: NodeJS.Timeout | undefined
    const stop = (reason: RunEnd['stoppedBy']) => {
      if (stoppedBy !== null) return
      stoppedBy = reason
      signalGroup(pgid, 'SIGTERM')
      killTimer = setTimeout(() => signalGroup(pgid, 'SIGKILL'), 1000 * graceSeconds)
    }
    const limitTimer = setTimeout(() => stop('time_limit'), 1000 * options.timeLimitSeconds)
    const tail = new ReportTail(join(folder.path, REPORT_FILE), elapsedSeconds, tailSeconds, options.onProgress)
    const ended = exited.then(async ({ exitCode, signal }): Promise<RunEnd> => {
      clearTimeout(limitTimer)
      clearTimeout(killTimer)
      // Whatever the leader has started dies with it.
      signalGroup(pgid, 'SIGKILL')
      await tail.finish()
      return { exitCode, signal, stoppedBy, wallSeconds: elapsedSeconds() }
    })
    const id = await processId(pgid)
    // A process that is gone already needs no record; a disk that is full now fails the run by itself.
    if (id) await folder.recordProcess(id).catch(() => undefined)
    return { ended, cancel: () => stop('cancelled') }
  }

  async reapOrphans(workFolder: string): Promise<number> {
    let reaped = 0
    for (const { path, record } of await findRuns(workFolder)) {
      if (record && (record.launcher !== this.name || (await isRunning(record.owner)))) continue
      // The recorded number may be another process by now, so only the very same one is ended; a server that was
      // killed between start and record left a process that only its working folder gives away.
      if (record?.process && (await isRunning(record.process))) await endProcess(record.process, graceSeconds)
      for (const stray of await processesIn(path)) await endProcess(stray, graceSeconds)
      await removeFolder(path)
      reaped++
    }
    return reaped
  }

  private missing(cause: unknown): DftError {
    const hint = 'apt-get install quantum-espresso, or name the program with its path'
    return new DftError('pw_missing', `Quantum Espresso's ${this.pw} cannot be started (${hint})`, { cause })
  }
}
