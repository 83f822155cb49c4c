import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { hostname, tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { execa } from 'execa'

const programs = ['slurmctld', 'slurmd', 'sbatch', 'munged']

/** Debian has the daemons in /usr/sbin, which is not on everybody's search path. */
const path = `${process.env['PATH']}:/usr/sbin:/sbin`

export const hasSlurm = programs.every(
  (program) => spawnSync('sh', ['-c', `command -v ${program}`], { env: { ...process.env, PATH: path } }).status === 0,
)
export const needsSlurm = hasSlurm
  ? ''
  : ' (skipped: SLURM is not installed, apt-get install slurm-wlm slurmctld slurmd slurm-client munge libpmix-dev)'

/** A SLURM of one node on the loopback interface, all of whose files are in one temporary folder. */
export class SlurmCluster {
  private constructor(
    readonly folder: string,
    private readonly node: string,
    private readonly environment: NodeJS.ProcessEnv,
    private readonly daemons: Map<string, ChildProcess>,
  ) {}

  /** Starts munged, slurmctld and slurmd, and points SLURM_CONF of this process at them. */
  static async start(): Promise<SlurmCluster> {
    const folder = mkdtempSync(join(tmpdir(), 'unitcell-slurm-'))
    const node = hostname().split('.')[0]
    const configuration = join(folder, 'slurm.conf')
    for (const name of ['state', 'spool', 'munge']) mkdirSync(join(folder, name), { mode: 0o755 })
    writeFileSync(join(folder, 'munge', 'key'), randomBytes(128), { mode: 0o600 })
    writeFileSync(configuration, slurmConf(folder, node, await freePort(), await freePort()))
    process.env['SLURM_CONF'] = configuration
    const cluster = new SlurmCluster(folder, node, { ...process.env, PATH: path }, new Map())
    try {
      const munge = (name: string) => join(folder, 'munge', name)
      const files = ['key-file=key', 'socket=socket', 'pid-file=pid', 'log-file=log', 'seed-file=seed']
      const mungeOptions = files.map((file) => file.replace(/=(.*)/, (_, name: string) => `=${munge(name)}`))
      cluster.launch('munged', ['--foreground', '--force', ...mungeOptions.map((option) => `--${option}`)])
      cluster.launch('slurmctld', ['-D', '-c'])
      await cluster.startNode()
      return cluster
    } catch (error) {
      await cluster.stop()
      throw error
    }
  }

  /** Starts slurmd, and waits until the node takes jobs. */
  async startNode(): Promise<void> {
    if (!this.daemons.has('slurmd')) this.launch('slurmd', ['-D'])
    await this.until('idle')
  }

  /** Makes the node fail under its jobs, as the controller sees it. */
  async failNode(): Promise<void> {
    await this.command('scontrol', ['update', `nodename=${this.node}`, 'state=down', 'reason=test'])
  }

  async resumeNode(): Promise<void> {
    // The node may have come back by itself.
    await this.command('scontrol', ['update', `nodename=${this.node}`, 'state=resume']).catch(() => undefined)
    await this.until('idle')
  }

  /** Ends all jobs, as a person would. */
  async cancelJobs(): Promise<void> {
    await this.command('scancel', [`--user=${userInfo().username}`])
  }

  /** Numbers of the jobs that wait or run. */
  async jobs(): Promise<string[]> {
    return (await this.command('squeue', ['--noheader', '--format=%A'])).split('\n').filter((line) => line !== '')
  }

  /** Ends the daemons and what is left of their jobs, and removes their files. */
  async stop(): Promise<void> {
    await this.cancelJobs().catch(() => undefined)
    for (let i = 0; i < 50 && (await this.jobs().catch(() => [])).length > 0; i++) await sleep(100)
    for (const name of ['slurmd', 'slurmctld', 'munged']) {
      const daemon = this.daemons.get(name)
      if (!daemon || daemon.exitCode !== null || daemon.signalCode !== null) continue
      const exited = new Promise((resolve) => daemon.once('exit', resolve))
      daemon.kill('SIGTERM')
      const killTimer = setTimeout(() => daemon.kill('SIGKILL'), 5000)
      await exited
      clearTimeout(killTimer)
    }
    delete process.env['SLURM_CONF']
    rmSync(this.folder, { recursive: true, force: true })
  }

  private launch(program: string, options: readonly string[]): void {
    const log = openSync(join(this.folder, `${program}.out`), 'a')
    const daemon = spawn(program, options, { env: this.environment, stdio: ['ignore', log, log] })
    this.daemons.set(program, daemon)
  }

  private async until(state: string): Promise<void> {
    const deadline = Date.now() + 20_000
    for (;;) {
      const seen = await this.command('sinfo', ['--noheader', '--format=%T']).catch((error: Error) => error.message)
      if (seen.trim() === state) return
      if (Date.now() > deadline) throw new Error(`the node is not ${state} but: ${seen}\n${this.logs()}`)
      await sleep(100)
    }
  }

  private async command(program: string, options: readonly string[]): Promise<string> {
    const { stdout } = await execa(program, options, { env: this.environment, timeout: 10_000 })
    return stdout
  }

  private logs(): string {
    return programs
      .map((program) => join(this.folder, `${program}.out`))
      .map((file) => {
        try {
          return readFileSync(file, 'utf8')
        } catch {
          return ''
        }
      })
      .join('\n')
  }
}

/** The settings that DFT runs need of a node without systemd, cgroups or accounting. */
function slurmConf(folder: string, node: string, controllerPort: number, nodePort: number): string {
  const user = userInfo().username
  return `ClusterName=unitcell
SlurmctldHost=${node}(127.0.0.1)
SlurmUser=${user}
SlurmdUser=${user}
AuthType=auth/munge
AuthInfo=socket=${join(folder, 'munge', 'socket')}
CredType=cred/munge
StateSaveLocation=${join(folder, 'state')}
SlurmdSpoolDir=${join(folder, 'spool')}
SlurmctldPidFile=${join(folder, 'slurmctld.pid')}
SlurmdPidFile=${join(folder, 'slurmd.pid')}
SlurmctldPort=${controllerPort}
SlurmdPort=${nodePort}
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
SchedulerType=sched/backfill
SchedulerParameters=batch_sched_delay=0,sched_min_interval=50000,bf_interval=1
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
JobCompType=jobcomp/none
ReturnToService=2
KillWait=5
NodeName=${node} NodeAddr=127.0.0.1 CPUs=2 Boards=1 SocketsPerBoard=1 CoresPerSocket=2 ThreadsPerCore=1 RealMemory=1000
PartitionName=dft Nodes=${node} Default=YES MaxTime=INFINITE State=UP
`
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}
