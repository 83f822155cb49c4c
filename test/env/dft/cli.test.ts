import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { shared } from '../../shared.js'
import { jsonLines, runProgram, type ProgramOptions } from '../../program.js'
import { canRun, needsRun, referenceRows, runsLeft, temporaryFolder } from './fixtures.js'

const folder = temporaryFolder()
const workFolder = join(folder, 'work')
const settings = ['--pseudo', shared('data/pseudo'), '--work-folder', workFolder, '--slots', '2']

const unitcellEnv = (args: readonly string[], options?: ProgramOptions) =>
  runProgram('env', args, { cwd: folder, env: { UNITCELL_CACHE: join(folder, 'cache') }, ...options })

interface Line {
  readonly id: string
  readonly status: string
  readonly total_energy_ry: number
  readonly band_gap_ev: number
  readonly signed_gap_ev: number
  readonly spin: number
  readonly cpu_seconds: number
  readonly failure: { readonly code: string } | null
}

function write(name: string, rows: readonly unknown[]): string {
  writeFileSync(
    join(folder, name),
    rows.map((row) => `${typeof row === 'string' ? row : JSON.stringify(row)}\n`).join(''),
  )
  return name
}

const bare = ({ id, lattice, frac_coords, species }: ReturnType<typeof row>) => ({ id, lattice, frac_coords, species })
const row = (id: string) => referenceRows().get(`reference-${id}`)!
const errorLine = /^unitcell-env: error: .+ \(.+\)$/m

describe.skipIf(!canRun)('unitcell-env dft' + needsRun, () => {
  test('prints a JSON line for each crystal, the failed and the unreadable ones too', async () => {
    const lif = row('lif-rocksalt')
    const close = { ...bare(lif), id: 'close', frac_coords: [[0, 0, 0], [0.1, 0, 0]] } // prettier-ignore
    const file = write('three.jsonl', [bare(lif), close, '{"id": "broken", "lattice": 1}'])
    const { code, stdout, stderr } = await unitcellEnv(['dft', file, ...settings, '--json'])
    const lines = new Map(jsonLines<Line>(stdout).map((line) => [line.id, line]))
    expect(lines.get(lif.id)).toMatchObject({ status: 'converged', spin: 1, failure: null })
    expect(Math.abs(lines.get(lif.id)!.total_energy_ry - lif.total_energy_ry)).toBeLessThan(1e-5)
    expect(Math.abs(lines.get(lif.id)!.band_gap_ev - lif.band_gap_ev)).toBeLessThan(5e-3)
    expect(lines.get('close')).toMatchObject({ status: 'failed', failure: { code: 'atoms_too_close' } })
    expect(lines.get('broken')).toMatchObject({ status: 'failed', total_energy_ry: null })
    expect(code).toBe(1)
    expect(stderr).toContain('2 of 3 crystals have no energy')
    expect(runsLeft(workFolder)).toEqual([])
  })

  test('goes on after Ctrl-C where it was stopped, and computes nothing twice', async () => {
    const rows = ['lif-rocksalt', 'sro-rocksalt', 'lih-rocksalt'].map((id) => bare(row(id)))
    const args = ['dft', write('rows.jsonl', rows), ...settings, '--slots', '1', '--out', 'kept.jsonl', '--json']
    const stopped = await unitcellEnv(args, { interruptWhen: (stdout) => stdout.includes('\n') })
    expect(stopped.code).toBe(130)
    expect(runsLeft(workFolder)).toEqual([])
    const kept = readFileSync(join(folder, 'kept.jsonl'), 'utf8')
    expect(jsonLines(kept).length).toBeLessThan(rows.length)
    const resumed = await unitcellEnv(args)
    expect(resumed.code).toBe(0)
    expect(readFileSync(join(folder, 'kept.jsonl'), 'utf8').startsWith(kept)).toBe(true)
    expect(jsonLines<Line>(resumed.stdout).map(({ id }) => id)).toEqual(rows.map(({ id }) => id))
    const again = await unitcellEnv(['dft', 'rows.jsonl', ...settings, '--json'])
    expect(again.stdout, 'all of it from the cache, to the last digit').toBe(resumed.stdout)
    const other = await unitcellEnv([...args, '--profile', 'paper-runs'])
    expect(other.stderr).toMatch(errorLine)
    expect(other.stderr).toContain('never mixed')
  })

  test('verify confirms labels, finds a wrong one, and leaves out those of other pseudopotentials', async () => {
    const [lif, lih, mgo] = ['lif-rocksalt', 'lih-rocksalt', 'mgo-rocksalt'].map(row)
    const labels = write('labels.jsonl', [
      { ...lif, band_gap_ev: lif.band_gap_ev + 0.01 },
      lih,
      { ...mgo, n_electrons: 10 },
    ])
    const args = ['dft', 'verify', '--labels', labels, ...settings]
    const good = await unitcellEnv([...args, '--limit', '1', '--report', 'report.md'])
    expect(good.code).toBe(0)
    const report = readFileSync(join(folder, 'report.md'), 'utf8')
    expect(report).toContain('- 1 of 1 crystals agree')
    const { code, stdout } = await unitcellEnv([...args, '--json'])
    expect(code).toBe(1)
    expect(JSON.parse(stdout)).toMatchObject({
      summary: { compared: 2, agreeing: 1 },
      comparisons: [
        { id: lih.id, agrees: true },
        { id: lif.id, agrees: false },
      ],
      leftOut: { 'label of another number of valence electrons': 1 },
    })
  })
})

test('unitcell-env dft says what is wrong with its file and its settings', async () => {
  const missing = await unitcellEnv(['dft', 'nowhere.jsonl', '--pseudo', 'gth'])
  expect(missing.code).toBe(1)
  expect(missing.stderr).toMatch(errorLine)
  const file = write('one.jsonl', [{ id: 'a' }])
  const pseudo = await unitcellEnv(['dft', file, '--pseudo', join(folder, 'no-such-folder')])
  expect(pseudo.stderr).toMatch(errorLine)
  expect(pseudo.stderr).toContain('name a folder of UPF files')
  const twice = write('twice.jsonl', [1, 2].map(() => ({ id: 'x', lattice: [[3, 0, 0], [0, 3, 0], [0, 0, 3]], frac_coords: [[0, 0, 0]], species: ['Li'] }))) // prettier-ignore
  const double = await unitcellEnv(['dft', twice, '--pseudo', 'gth'])
  expect(double.stderr).toContain('two crystals "x"')
  const magnetizations = await unitcellEnv(['dft', file, '--magnetizations', '2'])
  expect(magnetizations.stderr).toMatch(errorLine)
})
