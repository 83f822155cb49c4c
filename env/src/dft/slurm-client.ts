import { userInfo } from 'node:os'
import { ExecaError, execa } from 'execa'
import { DftError } from './errors.js'
import type { RunEnd } from './launcher.js'

/** Longer than SLURM's commands themselves wait for a controller that does not answer. */
const commandTimeoutSeconds = 120

/**
 * What the state of a job means for a run in it: `waiting` (it has not begun), `active` (it computes, or is being
 * ended), `finished` (its script has ended, well or not), or what ended it.
 */
export type JobPhase = 'waiting' | 'active' | 'finished' | NonNullable<RunEnd['stoppedBy']>

/** The states of sbatch(1) and squeue(1), except those that count as active. */
const phases: Readonly<Record<string, JobPhase>> = {
  PENDING: 'waiting',
  COMPLETED: 'finished',
  FAILED: 'finished',
  CANCELLED: 'cancelled',
  REVOKED: 'cancelled',
  TIMEOUT: 'time_limit',
  DEADLINE: 'time_limit',
  NODE_FAIL: 'node_failed',
  BOOT_FAIL: 'node_failed',
  LAUNCH_FAILED: 'node_failed',
  PREEMPTED: 'node_failed',
  OUT_OF_MEMORY: 'out_of_memory',
}

/** The phase of a job state such as `RUNNING`. A state that ends no job, known or not, is active. */
export function jobPhase(state: string): JobPhase {
  return phases[state] ?? 'active'
}

export interface SlurmJob {
  readonly id: string
  readonly name: string
  /** `RUNNING`, `NODE_FAIL`, ... */
  readonly state: string
}

/** As `scontrol` shows it. */
export interface SlurmJobDetails extends SlurmJob {
  readonly reason: string
  /** Exit code and signal of the job's script, such as `7:0`. */
  readonly exitCode: string
  /** Such as `node[1-2]`; empty where none has been given. */
  readonly nodes: string
}

/** Rows of `squeue --noheader --format=%A|%T|%j`, by id. */
export function parseSqueue(text: string): Map<string, SlurmJob> {
  const rows = [...text.matchAll(/^(\d+)\|(\w+)\|(.*)$/gm)]
  return new Map(rows.map(([, id, state, name]) => [id, { id, name, state }]))
}

/** The line of `scontrol --oneliner show job ID`; null where it is none. */
export function parseScontrolJob(text: string): SlurmJobDetails | null {
  const field = (name: string) => new RegExp(`(?:^|\\s)${name}=(\\S*)`).exec(text)?.[1]
  const [id, name, state] = [field('JobId'), field('JobName'), field('JobState')]
  if (id === undefined || name === undefined || state === undefined) return null
  const nodes = field('NodeList') ?? ''
  return {
    id,
    name,
    state,
    reason: field('Reason') ?? '',
    exitCode: field('ExitCode') ?? '',
    nodes: nodes === '(null)' ? '' : nodes,
  }
}

/** SLURM through its commands, which every cluster has; as the user who runs this process. */
export class SlurmClient {
  /**
   * Hands a batch script to SLURM; returns the id of the job.
   *
   * @throws DftError `slurm_error`
   */
  async submit(script: string, options: readonly string[]): Promise<string> {
    const output = await command('sbatch', ['--parsable', ...options], script)
    // On a federation the name of the cluster follows.
    const id = /^(\d+)(?:;.*)?$/m.exec(output)?.[1]
    if (id === undefined) throw slurmError('sbatch', `it gives no job number but "${output}"`)
    return id
  }

  /**
   * All jobs of this user that wait, run, or have ended lately, by id.
   *
   * @throws DftError `slurm_error`
   */
  async jobs(): Promise<Map<string, SlurmJob>> {
    const user = `--user=${userInfo().username}`
    return parseSqueue(await command('squeue', ['--noheader', '--states=all', user, '--format=%A|%T|%j']))
  }

  /**
   * One job, or null where SLURM does not know it (any more).
   *
   * @throws DftError `slurm_error`
   */
  async job(id: string): Promise<SlurmJobDetails | null> {
    try {
      return parseScontrolJob(await command('scontrol', ['--oneliner', 'show', 'job', id]))
    } catch (error) {
      if (error instanceof DftError && error.message.includes('Invalid job id')) return null
      throw error
    }
  }

  /**
   * Ends a job, whether it waits or runs; harmless where it has ended.
   *
   * @throws DftError `slurm_error`
   */
  async cancel(id: string): Promise<void> {
    await command('scancel', ['--quiet', id])
  }

  /** Ends the jobs of that name. Throws DftError `slurm_error`. */
  async cancelByName(name: string): Promise<void> {
    await command('scancel', ['--quiet', `--user=${userInfo().username}`, `--name=${name}`])
  }

  /**
   * Runs a shell script on a node as soon as one is free; returns what it prints.
   *
   * @throws DftError `slurm_error`
   */
  async runOnNode(script: string, options: readonly string[], timeoutSeconds: number): Promise<string> {
    const all = ['--quiet', '--nodes=1', '--ntasks=1', '--mpi=none', '--chdir=/', ...options]
    return command('srun', [...all, 'bash', '-c', script], undefined, timeoutSeconds)
  }
}

/**
 * The environment of SLURM's commands, and so of the jobs: this process's own, without what the allocation it may itself
 * be in would add to their options, and without the server's secret, which SLURM would write to disk with the job.
 */
function clientEnvironment(): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(
    ([name]) => name === 'SLURM_CONF' || !/^(SLURM|PMI|UNITCELL_TOKEN$)/.test(name),
  )
  return { ...Object.fromEntries(kept), LC_ALL: 'C' }
}

async function command(
  program: string,
  options: readonly string[],
  input = '',
  timeoutSeconds = commandTimeoutSeconds,
): Promise<string> {
  try {
    const timeout = 1000 * timeoutSeconds
    const { stdout } = await execa(program, options, { env: clientEnvironment(), extendEnv: false, input, timeout })
    return stdout
  } catch (cause) {
    if (!(cause instanceof ExecaError)) throw cause
    if (cause.code === 'ENOENT') throw slurmError(program, 'it is not installed', cause)
    const said = String(cause.stderr ?? '').trim()
    const what = cause.timedOut ? `no answer within ${timeoutSeconds} seconds` : said || cause.shortMessage
    throw slurmError(program, what.replaceAll(/\s*\n\s*/g, '; '), cause)
  }
}

function slurmError(program: string, what: string, cause?: unknown): DftError {
  const hint =
    what === 'it is not installed'
      ? "apt-get install slurm-client, and this cluster's slurm.conf"
      : 'try sinfo; check partition, account and the other options for SLURM'
  return new DftError('slurm_error', `SLURM's ${program}: ${what} (${hint})`, { cause })
}
