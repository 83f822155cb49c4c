import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { CrystalDataSet } from '@unitcell/datasets'
import { parseGenerated, scoreCrystals } from '@unitcell/evaluation'
import { execa } from 'execa'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startServer } from '../env/server/wire.js'

const source = fileURLToPath(new URL('../../agents/go/', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'unitcell-go-'))
afterAll(() => rmSync(folder, { recursive: true }))

const hasGo = spawnSync('go', ['version']).status === 0
const needsGo = hasGo ? '' : ' (skipped: go is not installed)'
const agent = join(folder, 'agent')

beforeAll(async () => {
  if (hasGo) await execa('go', ['build', '-o', agent, '.'], { cwd: source })
}, 600_000)

test.skipIf(!hasGo)(`an agent in Go, in under 200 lines, plays the crystals of val${needsGo}`, async () => {
  expect(readFileSync(join(source, 'main.go'), 'utf8').split('\n').length).toBeLessThan(200)
  const { url } = await startServer()
  const out = join(folder, 'go.jsonl')
  const play = () => execa(agent, ['-server', url.replace('/v1', ''), '-split', 'val', '-seed', '3', '-out', out])
  expect((await play()).stdout).toMatch(/^go: \d+ crystals filled, seed 3; /)
  const text = readFileSync(out, 'utf8')
  const score = scoreCrystals(
    text
      .trim()
      .split('\n')
      .map((line) => parseGenerated(JSON.parse(line) as object)),
  )
  // It fills only what can become charge-neutral, so nearly everything is valid.
  expect(score.crystals).toBe((await CrystalDataSet.openBuiltin()).split('val').count)
  expect(score.validity.percent).toBeGreaterThan(90)
  await play()
  expect(readFileSync(out, 'utf8')).toBe(text)
})

test.skipIf(!hasGo)(`without a server it ends with what to do${needsGo}`, async () => {
  const { exitCode, stderr } = await execa(agent, ['-server', 'ws://127.0.0.1:9'], { reject: false })
  expect(exitCode).toBe(1)
  expect(stderr).toMatch(/^unitcell-go: error: no connection to ws:\/\/127\.0\.0\.1:9\/v1: .*start a server/)
})

test.skipIf(!hasGo)(
  `Go writes the test vectors byte for byte, and reads all their forms${needsGo}`,
  { timeout: 600_000 },
  async () => {
    const { exitCode, all } = await execa('go', ['test', './...'], { cwd: source, reject: false, all: true })
    expect(exitCode, all).toBe(0)
  },
)
