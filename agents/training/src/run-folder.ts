import { existsSync } from 'node:fs'
import { mkdir, readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { AgentError } from './agent-error.js'

const FILES = {
  /** The best policy so far. */
  policy: 'policy.safetensors',
  /** Where training stands. */
  state: 'state.safetensors',
  /** What an agent looks skeletons up in. */
  skeletons: 'skeletons.safetensors',
  curves: 'learning-curves.svg',
} as const

/** The folder of a run: `unitcell-agent train --out` writes it, `run --checkpoint` and `info` read it. */
export class RunFolder {
  constructor(readonly path: string) {}

  file(name: keyof typeof FILES): string {
    return join(this.path, FILES[name])
  }

  /** For a new run. @throws AgentError `folder_in_use` where something is in it */
  async create(): Promise<void> {
    await mkdir(this.path, { recursive: true })
    const entries = await readdir(this.path)
    if (entries.length === 0) return
    const what = `${this.path} is not empty`
    const fix = existsSync(this.file('state')) ? 'add --resume to go on with the run in it' : 'choose another folder'
    throw new AgentError('folder_in_use', what, fix)
  }

  /** @throws AgentError `nothing_to_resume` */
  requireState(): void {
    if (existsSync(this.file('state'))) return
    const what = `${this.path} holds no run to go on with`
    throw new AgentError('nothing_to_resume', what, 'leave --resume out, or name the folder of a run')
  }

  read(name: keyof typeof FILES): Promise<Buffer> {
    return readFile(this.file(name))
  }
}
