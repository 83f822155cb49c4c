import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readdirSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { shared } from '../../shared.js'

const bin = fileURLToPath(new URL('../../../env/bin.js', import.meta.url))

/** A folder with the paper's pseudopotentials of a few elements, which loads faster than all of them. */
export function fewPseudopotentials(folder: string, symbols: readonly string[]): string {
  const pseudo = join(folder, 'pseudo')
  mkdirSync(pseudo, { recursive: true })
  for (const name of readdirSync(shared('data/pseudo'))) {
    const symbol = /^([a-z]+)[._]/i.exec(name)?.[1].toLowerCase()
    if (symbols.some((one) => one.toLowerCase() === symbol)) {
      symlinkSync(join(shared('data/pseudo'), name), join(pseudo, name))
    }
  }
  return pseudo
}

/** `unitcell-env serve` in a process of its own. */
export class ServerProcess {
  private constructor(
    readonly child: ChildProcess,
    readonly url: string,
    /** What it printed before it listened. */
    readonly lines: readonly string[],
  ) {}

  static async start(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<ServerProcess> {
    const child = spawn(process.execPath, [bin, 'serve', '--port', '0', ...args], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, ...env },
    })
    const lines: string[] = []
    for await (const line of createInterface(child.stdout!)) {
      const url = /ws:\/\/\S+/.exec(line)?.[0]
      if (url !== undefined) return new ServerProcess(child, url, lines)
      lines.push(line)
    }
    throw new Error(`the server ended before it listened: ${lines.join('\n')}`)
  }

  /** Ends it by a signal, and waits for its end. */
  async end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    const exit = once(this.child, 'exit')
    this.child.kill(signal)
    await exit
  }
}
