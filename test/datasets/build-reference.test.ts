import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, test } from 'vitest'
import { CrystalDataSet, referenceCandidates } from '@unitcell/datasets'

const program = fileURLToPath(new URL('../../datasets/bin.js', import.meta.url))
const canRun = spawnSync('sh', ['-c', 'command -v pw.x']).status === 0 && existsSync('/usr/share/cp2k/GTH_POTENTIALS')
const needsPw = canRun ? '' : ' (skipped: apt-get install quantum-espresso cp2k-data)'

const folder = mkdtempSync(join(tmpdir(), 'unitcell-reference-'))
afterAll(() => rmSync(folder, { recursive: true }))

interface Outcome {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** Runs `unitcell-data build-reference`; `whenLines`: presses Ctrl-C when the file of results has so many lines. */
function build(args: readonly string[], whenLines?: number): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [program, 'build-reference', ...args], { cwd: folder })
    const output = { stdout: '', stderr: '' }
    child.stdout.on('data', (chunk: Buffer) => (output.stdout += chunk.toString()))
    child.stderr.on('data', (chunk: Buffer) => (output.stderr += chunk.toString()))
    let pressed = false
    const timer = setInterval(() => {
      if (pressed || whenLines === undefined || lines('out.results.jsonl').length < whenLines) return
      pressed = child.kill('SIGINT')
    }, 20)
    child.on('error', reject)
    child.on('close', (code) => {
      clearInterval(timer)
      resolve({ code, ...output })
    })
  })
}

const lines = (file: string) => {
  const path = join(folder, file)
  return existsSync(path) ? readFileSync(path, 'utf8').split('\n').filter(Boolean) : []
}

interface Row {
  id: string
  origin: string
  prototype: string
  band_gap_ev: number
  total_energy_ry: number
}

describe('unitcell-data build-reference', () => {
  test.skipIf(!canRun)(
    `is stopped by Ctrl-C, goes on where it was, and makes a data set of what it computed${needsPw}`,
    { timeout: 300_000 },
    async () => {
      const args = ['--label-set', 'gth', '--out', 'out', '--limit', '3', '--slots', '1']
      const stopped = await build(args, 1)
      expect(stopped.code, stopped.stderr).toBe(130)
      expect(existsSync(join(folder, 'out'))).toBe(false)
      const [first] = lines('out.results.jsonl')

      const { code, stdout, stderr } = await build(args)
      expect(code, stderr).toBe(0)
      expect(stdout).toMatch(/^out: 3 crystals, 0 failures, \d+ CPU s of calculations\n$/)
      // What was computed before is still there, and was not computed again.
      expect(lines('out.results.jsonl').length).toBe(3)
      expect(lines('out.results.jsonl')[0]).toBe(first)
      const rows = lines('out/crystals.jsonl').map((line) => JSON.parse(line) as Row)
      const candidates = referenceCandidates().slice(0, 3)
      expect(rows.map(({ id }) => id)).toEqual(candidates.map(({ id }) => id))
      expect(rows.map(({ origin }) => origin)).toEqual(candidates.map(({ origin }) => origin))
      // PBE gives diamond 4.03 eV on this grid with the SSSP file (DFT.md); the two sets differ by 0.1 eV.
      const diamond = rows.find(({ id }) => id === 'reference-c-diamond')!
      expect(Math.abs(diamond.band_gap_ev - 4.03)).toBeLessThan(0.15)
      expect(lines('out/failures.jsonl')).toEqual([])

      const dataSet = await CrystalDataSet.open(join(folder, 'out'))
      dataSet.verifyHashes()
      expect(dataSet.manifest.label_set).toMatchObject({
        name: 'gth',
        functional: 'PBE',
        ecutwfc_ry: 90,
        ecutrho_ry: 360,
      })
      expect(JSON.parse(readFileSync(join(folder, 'out/label-set.json'), 'utf8'))).toEqual(dataSet.manifest.label_set)
    },
  )

  test.each([
    ['without a label set', ['--out', 'o']],
    ['of an unknown label set', ['--label-set', 'lda', '--out', 'o']],
    ['without the folder of the SSSP files', ['--label-set', 'sssp', '--out', 'o']],
    ['with a program that is not there', ['--label-set', 'gth', '--out', 'o', '--dft-command', 'no-such-program']],
    ['with a program that does something else', ['--label-set', 'gth', '--out', 'o', '--dft-command', 'true']],
    ['over something that is no data set', ['--label-set', 'gth', '--out', tmpdir()]],
  ])('%s fails with one line that says how to mend it', async (_, args) => {
    const { code, stdout, stderr } = await build(args)
    expect([code, stdout]).toEqual([1, ''])
    expect(stderr).toMatch(/^unitcell-data: error: .+ \(.+\)\n$/)
    expect(existsSync(join(folder, 'o'))).toBe(false)
  })
})
