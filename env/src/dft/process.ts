import { execFile } from 'node:child_process'
import { readFile, readdir, readlink } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'

/** A process told apart from every later one with the same number. */
export interface ProcessId {
  readonly pid: number
  /** When it started, as the system writes it; comparable only for equality. */
  readonly started: string
}

/**
 * The identity of a running process, or null where there is none (a zombie counts as none). On Linux the start is in
 * clock ticks since boot, with the boot's id; elsewhere what `ps` says.
 */
export async function processId(pid: number): Promise<ProcessId | null> {
  const stat = await readFile(`/proc/${pid}/stat`, 'latin1').catch(() => null)
  if (stat !== null) {
    // The name, in parentheses, may hold anything; the state and the 19 fields up to the start time follow it.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    if (fields[0] === 'Z' || fields[0] === 'X') return null
    return { pid, started: `${fields[19]}@${await bootId()}` }
  }
  if (process.platform === 'linux') return null
  const listed = await promisify(execFile)('ps', ['-o', 'lstart=', '-p', String(pid)]).catch(() => null)
  const started = listed?.stdout.trim()
  return started ? { pid, started } : null
}

let boot: Promise<string> | undefined

function bootId(): Promise<string> {
  boot ??= readFile('/proc/sys/kernel/random/boot_id', 'latin1').then(
    (id) => id.trim(),
    () => 'unknown',
  )
  return boot
}

/** Whether that very process, not a later one with its number, is running. */
export async function isRunning(id: ProcessId): Promise<boolean> {
  return (await processId(id.pid))?.started === id.started
}

/** Processes whose working folder is `folder` or below; empty where the system does not tell. */
export async function processesIn(folder: string): Promise<ProcessId[]> {
  const numbers = (await readdir('/proc').catch(() => [])).filter((name) => /^\d+$/.test(name))
  const found = await Promise.all(
    numbers.map(async (number) => {
      const cwd = await readlink(`/proc/${number}/cwd`).catch(() => '')
      return cwd === folder || cwd.startsWith(`${folder}/`) ? processId(Number(number)) : null
    }),
  )
  return found.filter((id) => id !== null)
}

/** Sends a signal to the process group of that number; false where there is none. */
export function signalGroup(pgid: number, signal: NodeJS.Signals): boolean {
  try {
    process.kill(-pgid, signal)
    return true
  } catch {
    return false
  }
}

/** A process that even KILL does not end hangs in the kernel; no use in waiting longer. */
const killSeconds = 5

/**
 * Ends a process, with its group where it leads one: TERM, then KILL after the grace. Resolves when it is gone, or is
 * given up.
 */
export async function endProcess(id: ProcessId, graceSeconds: number): Promise<void> {
  const killAt = Date.now() + 1000 * graceSeconds
  signalProcess(id, 'SIGTERM')
  while ((await isRunning(id)) && Date.now() < killAt + 1000 * killSeconds) {
    if (Date.now() >= killAt) signalProcess(id, 'SIGKILL')
    await sleep(20)
  }
}

function signalProcess({ pid }: ProcessId, signal: NodeJS.Signals): void {
  if (signalGroup(pid, signal)) return
  try {
    process.kill(pid, signal)
  } catch {
    // It has ended meanwhile.
  }
}
