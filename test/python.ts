import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

// Where `.ci/run` makes it; any other interpreter that has the packages does as well.
const venv = fileURLToPath(new URL('../.ci/venv/bin/python', import.meta.url))

/** A Python with the packages of `.ci/requirements.txt`. */
const interpreter = process.env['UNITCELL_TEST_PYTHON'] ?? (existsSync(venv) ? venv : 'python3')

/** Whether a Python is here that can import these modules. */
export function hasPython(...modules: string[]): boolean {
  const imports = modules.map((name) => `import importlib.util as u; assert u.find_spec("${name}")`).join('\n')
  return spawnSync(interpreter, ['-c', imports]).status === 0
}

/** Appended to the name of a test that needs Python modules, so that a skip says why. */
export function needsPython(...modules: string[]): string {
  return hasPython(...modules) ? '' : ` (skipped: no Python with ${modules.join(', ')}; .ci/run makes one)`
}

/** Runs a program that prints JSON on its last line. @throws Error with what it printed */
export function runPython(program: string, args: readonly string[], environment: Record<string, string> = {}): unknown {
  const { status, stdout, stderr } = spawnSync(interpreter, ['-W', 'ignore', '-c', program, ...args], {
    encoding: 'utf8',
    env: { ...process.env, ...environment },
  })
  if (status !== 0) throw new Error(`Python ended with ${status}:\n${stderr}`)
  return JSON.parse(stdout.trim().split('\n').at(-1)!)
}
