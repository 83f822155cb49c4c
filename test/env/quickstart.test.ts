import { fileURLToPath } from 'node:url'
import { execaNode } from 'execa'
import { expect, test } from 'vitest'

test('the quickstart serves, plays and scores, and leaves nothing running', async () => {
  const program = fileURLToPath(new URL('../../env/dist/quickstart.js', import.meta.url))
  // `execa` waits for the end of its output: a server left behind would hold it open.
  const { exitCode, stdout } = await execaNode(program, { timeout: 500_000 })
  expect(exitCode).toBe(0)
  expect(stdout).toMatch(/listening on ws:\/\/127\.0\.0\.1:\d+\/v1/)
  expect(stdout).toMatch(/random: 2000 crystals filled, seed 1/)
  expect(stdout).toMatch(/accuracy % +\d\.\d\d \+- \d\.\d\d +1\.15/)
  expect(stdout).toMatch(/similarity % +1\d\.\d\d \+- \d\.\d\d +12\.54/)
  expect(stdout).not.toContain('written to')
  expect(stdout).toMatch(/5\. (unitcell-env dft: [^]*(energy +-\d|no energy)|Quantum Espresso, [^]*apt-get install)/)
  expect(stdout).toContain('What next:')
}, 600_000)
