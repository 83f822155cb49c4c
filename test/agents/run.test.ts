import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startServer } from '../env/server/wire.js'

const folder = mkdtempSync(join(tmpdir(), 'unitcell-agent-'))
afterAll(() => rmSync(folder, { recursive: true }))

const program = fileURLToPath(new URL('../../agents/cli/bin.js', import.meta.url))

/** Runs the program beside this process, in which the server answers it. */
function run(...args: string[]): Promise<{ status: number; stdout: string; stderr: string }> {
  return new Promise((resolve) =>
    execFile(process.execPath, [program, ...args], (error, stdout, stderr) =>
      resolve({ status: error === null ? 0 : Number(error.code), stdout, stderr }),
    ),
  )
}

let url: string
beforeAll(async () => {
  url = (await startServer()).url
})

interface Filled {
  readonly agent: string
  readonly generated_species: string[]
}

test.each(['nearest-skeleton', 'frequency', 'oxygen'])(
  '%s fills every crystal of val, and again the same',
  async (name) => {
    const filled = async (file: string) => {
      const out = join(folder, file)
      const { status, stderr } = await run(
        'run',
        name,
        '--data',
        'builtin',
        '--server',
        url,
        '--seed',
        '3',
        '--out',
        out,
      )
      expect(status, stderr).toBe(0)
      return readFileSync(out, 'utf8')
    }
    const text = await filled(`${name}.jsonl`)
    const crystals = text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Filled)
    expect(crystals.length).toBeGreaterThan(10)
    expect(crystals.every(({ agent }) => agent === name)).toBe(true)
    const elements = new Set(crystals.flatMap((crystal) => crystal.generated_species))
    if (name === 'oxygen') expect([...elements]).toEqual(['O'])
    else expect(elements.size).toBeGreaterThan(3)
    expect(await filled(`${name}-again.jsonl`)).toBe(text)
  },
)

test('an agent that must know crystals asks for them', async () => {
  const { status, stdout, stderr } = await run('run', 'nearest-skeleton', '--server', url)
  expect({ status, stdout }).toEqual({ status: 1, stdout: '' })
  expect(stderr).toMatch(/^unitcell-agent: error: nearest-skeleton knows nothing .*\(add --data: .*\)\n$/)
})
