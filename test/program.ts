import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

/** How a program ended, and what it said. */
export interface ProgramEnd {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface ProgramOptions {
  readonly cwd?: string
  readonly env?: NodeJS.ProcessEnv
  /** Presses Ctrl-C once the program has said this much. */
  readonly interruptWhen?: (stdout: string, stderr: string) => boolean
}

/** Runs the program of a wing, such as `env`, to its end. */
export function runProgram(wing: string, args: readonly string[], options: ProgramOptions = {}): Promise<ProgramEnd> {
  const program = fileURLToPath(new URL(`../${wing}/bin.js`, import.meta.url))
  const { cwd, env, interruptWhen } = options
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [program, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      ...(cwd !== undefined && { cwd }),
      env: { ...process.env, ...env },
    })
    let interrupted = false
    const said = { stdout: '', stderr: '' }
    const hear = (stream: 'stdout' | 'stderr') => (chunk: Buffer) => {
      said[stream] += chunk.toString()
      if (interrupted || !interruptWhen?.(said.stdout, said.stderr)) return
      interrupted = true
      child.kill('SIGINT')
    }
    child.stdout.on('data', hear('stdout'))
    child.stderr.on('data', hear('stderr'))
    child.on('error', reject)
    child.on('close', (code) => resolve({ code, ...said }))
  })
}

/** The objects of JSON lines. */
export function jsonLines<T>(text: string): T[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as T)
}
