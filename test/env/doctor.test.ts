import { dirname } from 'node:path'
import { expect, test } from 'vitest'
import { runProgram } from '../program.js'
import { hasGth, hasPw, needsGth, needsPw, temporaryFolder } from './dft/fixtures.js'

interface Check {
  readonly name: string
  readonly status: string
  readonly found: string
  readonly fix?: string
}

const doctor = async (args: readonly string[], env: NodeJS.ProcessEnv = {}) => {
  const { code, stdout } = await runProgram('env', ['doctor', '--json', ...args], { env })
  const { checks } = JSON.parse(stdout) as { readonly checks: Check[] }
  return { code, checks: new Map(checks.map((check) => [check.name, check])) }
}

test.skipIf(!hasPw || !hasGth)(
  'the doctor finds pw.x and its version, and the elements without GTH' + (needsPw || needsGth),
  async () => {
    const { code, checks } = await doctor(['--pseudo', 'gth'])
    expect(code).toBe(0)
    expect(checks.get('Quantum Espresso')).toMatchObject({
      status: 'ok',
      found: expect.stringMatching(/^pw\.x \d+\.\d+/),
    })
    // DFT.md: of the 88 elements all but these have a GTH-PBE potential.
    expect(checks.get('pseudopotentials')!.fix).toContain('Ac Th Pa Np Pu')
  },
)

test('the doctor says how to mend each lack, and fails', async () => {
  const folder = temporaryFolder()
  const { code, checks } = await doctor(['--pseudo', folder, '--work-folder', process.execPath], {
    PATH: dirname(folder),
  })
  expect(code).toBe(1)
  expect(checks.get('Quantum Espresso')).toMatchObject({ status: 'missing', fix: 'apt-get install quantum-espresso' })
  expect(checks.get('pseudopotentials')).toMatchObject({ status: 'missing', fix: expect.stringContaining('cp2k-data') })
  expect(checks.get('work folder')).toMatchObject({ status: 'missing' })
  expect(checks.get('SLURM')).toMatchObject({ status: 'optional', fix: expect.stringContaining('slurm-client') })
})
