import { spawn } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gunzipSync, gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { CrystalDataSet } from '@unitcell/datasets'
import { hasShared, needsShared, shared } from '../shared.js'

const program = fileURLToPath(new URL('../../datasets/bin.js', import.meta.url))
const builtin = fileURLToPath(new URL('../../datasets/reference/sssp/crystals.jsonl', import.meta.url))

let folder: string
beforeAll(async () => (folder = await mkdtemp(join(tmpdir(), 'unitcell-data-'))))
afterAll(() => rm(folder, { recursive: true }))

interface Outcome {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** Runs unitcell-data; `input` goes to its standard input, `interruptWhen` tells by its stderr when to press Ctrl-C. */
function run(args: readonly string[], input = '', interruptWhen?: (stderr: string) => boolean): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [program, ...args], { cwd: folder })
    const output = { stdout: '', stderr: '' }
    child.stdout.on('data', (chunk: Buffer) => (output.stdout += chunk.toString()))
    child.stderr.on('data', (chunk: Buffer) => {
      output.stderr += chunk.toString()
      if (interruptWhen?.(output.stderr)) child.kill('SIGINT')
    })
    child.on('error', reject)
    child.on('close', (code) => resolve({ code, ...output }))
    child.stdin.end(input)
  })
}

function write(name: string, rows: readonly unknown[]): string {
  const text = rows.map((row) => `${typeof row === 'string' ? row : JSON.stringify(row)}\n`).join('')
  writeFileSync(join(folder, name), name.endsWith('.gz') ? gzipSync(text) : text)
  return name
}

const parseLines = <T>(text: string) =>
  text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as T)

const readJsonLines = <T>(file: string) => {
  const bytes = readFileSync(file)
  return parseLines<T>((file.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString())
}

const errorLine = /^unitcell-data: error: .+ \(.+\)\n$/

const cscl = {
  id: 'cscl',
  lattice: [
    [4.12, 0, 0],
    [0, 4.12, 0],
    [0, 0, 4.12],
  ],
  frac_coords: [
    [0, 0, 0],
    [0.5, 0.5, 0.5],
  ],
  species: ['Cs', 'Cl'],
}

describe('unitcell-data import', () => {
  test('makes a folder, says what is in it and lists the rejected rows', async () => {
    const file = write('some.jsonl', [cscl, 'nonsense', { ...cscl, id: 'b', species: ['Po', 'Cl'] }])
    const { code, stdout, stderr } = await run(['import', '--out', 'some', '--split', `train=${file}`])
    expect(code).toBe(0)
    expect(stdout).toContain('train: 1 crystals, 2 sites')
    expect(stdout).toContain('rejected: 2 rows (unparsable 1, unknown_element 1; see some/rejected.jsonl)')
    expect(stderr).toMatch(/^import: 1\/1 crystals \(100%\)/)
    const rejected = readJsonLines<{ line: number }>(join(folder, 'some', 'rejected.jsonl'))
    expect(rejected.map(({ line }) => line)).toEqual([2, 3])
    expect(readdirSync(join(folder, 'some')).sort()).toEqual(['manifest.json', 'rejected.jsonl', 'train.safetensors'])
  })

  test('keeps name, licence and label set, and prints a summary as JSON', async () => {
    const file = write('named.jsonl', [cscl])
    writeFileSync(join(folder, 'labels.json'), '{"functional": "PBE"}')
    const options = ['--name', 'salts', '--licence', 'CC0', '--label-set', 'labels.json', '--json']
    const { code, stdout } = await run(['import', '--out', 'named', '--split', `val=${file}`, ...options])
    expect(code).toBe(0)
    const dataSet = await CrystalDataSet.open(join(folder, 'named'))
    expect(dataSet.manifest).toMatchObject({ name: 'salts', licence: 'CC0', label_set: { functional: 'PBE' } })
    expect(JSON.parse(stdout)).toMatchObject({ name: 'salts', hash: dataSet.hash, splits: { val: { crystals: 1 } } })
  })

  test('with not one good row still leaves the reasons, and fails', async () => {
    const file = write('bad.jsonl', ['nonsense'])
    const { code, stderr } = await run(['import', '--out', 'bad', '--split', `train=${file}`])
    expect(code).toBe(1)
    expect(stderr).toContain(
      'unitcell-data: error: not one crystal was accepted (see the reasons in bad/rejected.jsonl)',
    )
    expect(readJsonLines(join(folder, 'bad', 'rejected.jsonl'))).toHaveLength(1)
  })

  test.each<[string, string[]]>([
    ['without --out', ['--split', 'train=x.jsonl']],
    ['without --split', ['--out', 'o']],
    ['with a split that names no file', ['--out', 'o', '--split', 'train']],
    ['with a split whose name is a path', ['--out', 'o', '--split', '../x=x.jsonl']],
    ['with an unknown format', ['--out', 'o', '--split', 'a=x', '--format', 'xyz']],
    ['with a number that is none', ['--out', 'o', '--split', 'a=x', '--max-sites', '1e9x']],
    ['with a file that is not there', ['--out', 'o', '--split', 'a=absent.jsonl']],
    ['with a label set that is no JSON', ['--out', 'o', '--split', 'a=x', '--label-set', 'absent.json']],
    ['with an unknown option', ['--out', 'o', '--split', 'a=x', '--nonsense']],
  ])('%s fails with one line that says how to mend it, and makes nothing', async (_, options) => {
    const { code, stdout, stderr } = await run(['import', ...options])
    expect(code).toBe(1)
    expect(stdout).toBe('')
    expect(stderr).toMatch(errorLine)
    expect(existsSync(join(folder, 'o'))).toBe(false)
  })

  test('keeps the labels and the label set of the reference files', async () => {
    for (const labelSet of ['sssp', 'gth']) {
      const file = (name: string) =>
        fileURLToPath(new URL(`../../datasets/reference/${labelSet}/${name}`, import.meta.url))
      const rows = readJsonLines<{ id: string; band_gap_ev: number; total_energy_ry: number; origin: string }>(
        file('crystals.jsonl'),
      )
      const args = [
        '--out',
        labelSet,
        '--split',
        `all=${file('crystals.jsonl')}`,
        '--label-set',
        file('label-set.json'),
      ]
      const { code, stderr } = await run(['import', ...args])
      expect(code, stderr).toBe(0)
      const dataSet = await CrystalDataSet.open(join(folder, labelSet))
      expect(dataSet.manifest.label_set).toEqual(JSON.parse(readFileSync(file('label-set.json'), 'utf8')))
      const builtinSet = await CrystalDataSet.open(`builtin:${labelSet}`)
      expect(dataSet.manifest.label_set_sha256).toBe(builtinSet.manifest.label_set_sha256)
      const all = dataSet.split('all')
      expect(all.count).toBe(rows.length)
      rows.forEach(({ id, band_gap_ev, total_energy_ry, origin }, i) => {
        expect(all.id(i)).toBe(id)
        expect(all.labels(i)).toMatchObject({ bandGapEv: band_gap_ev, totalEnergyRy: total_energy_ry })
        expect(all.extra(i)).toMatchObject({ origin })
      })
    }
  })

  test('interrupted by Ctrl-C leaves nothing behind', async () => {
    const crystals = readJsonLines<{ id: string }>(builtin).slice(0, 178)
    const copies = Array.from({ length: 200 }, (_, k) => crystals.map((row) => ({ ...row, id: `${row.id}-${k}` })))
    write('long.jsonl', copies.flat())
    const before = readdirSync(folder).sort()
    const args = ['import', '--out', 'interrupted', '--split', 'train=long.jsonl']
    const { code, stderr } = await run(args, '', (said) => said.includes('crystals/s'))
    expect(code, stderr).toBe(130)
    expect(readdirSync(folder).sort()).toEqual(before)
  })
})

describe('unitcell-data graph', () => {
  interface GraphLine {
    id: string
    lattice: number[][]
    frac_coords: number[][]
    species: string[]
    edges: [number, number, number[]][]
    distances: number[]
    orders: number[][]
    connected: boolean
    space_group: number
  }

  interface Reference {
    key: string
    lattice: number[][]
    frac: number[][]
    species: string[]
    edges: [number, number, number[]][]
    dist?: number[]
    bfs_sorted?: number[][]
    connected?: boolean
    sg_true?: number
  }

  test.skipIf(!hasShared)(`gives pymatgen's graphs of all 114 reference crystals${needsShared}`, async () => {
    const references = ['nonmetals', 'prototypes'].flatMap((name) =>
      readJsonLines<Reference>(shared(`reference/crystalnn-${name}.jsonl.gz`)),
    )
    const rows = references.map(({ key, lattice, frac, species }) => ({
      id: String(key),
      lattice,
      frac_coords: frac,
      species,
    }))
    const file = write('references.jsonl.gz', rows)
    const { code } = await run(['graph', file, '--out', 'graphs.jsonl.gz', '--cell', 'as-given'])
    expect(code).toBe(0)
    const lines = readJsonLines<GraphLine>(join(folder, 'graphs.jsonl.gz'))
    expect(lines).toHaveLength(114)
    lines.forEach((line, k) => {
      const reference = references[k]
      expect(line.id).toBe(String(reference.key))
      expect(line.species).toEqual(reference.species)
      expect(line.edges, line.id).toEqual(reference.edges)
      reference.dist?.forEach((distance, e) => expect(line.distances[e]).toBeCloseTo(distance, 6))
      if (!reference.bfs_sorted) return
      expect(line.orders, line.id).toEqual(reference.bfs_sorted)
      expect(line.connected, line.id).toBe(reference.connected)
      expect(line.space_group, line.id).toBe(reference.sg_true)
    })
    expect(existsSync(join(folder, 'graphs.jsonl.gz.rejected.jsonl'))).toBe(false)
  })

  test('computes the space group, whatever the file says, and accepts elements beyond the 88', async () => {
    const cubic = { ...cscl, frac_coords: [[0.1, 0.2, 0.3]] }
    const rows = [
      { ...cscl, space_group: 1 },
      { ...cubic, id: 'po', species: ['Po'] },
      { ...cscl, id: 'alloy', species: ['Po', 'Po'] },
    ]
    const { code } = await run(['graph', write('groups.jsonl', rows), '--out', 'groups.out'])
    expect(code).toBe(0)
    const lines = readJsonLines<GraphLine>(join(folder, 'groups.out'))
    expect(lines.map(({ id, species, space_group }) => [id, species, space_group])).toEqual([
      ['cscl', ['Cs', 'Cl'], 221],
      ['po', ['Po'], 221],
      ['alloy', ['Po', 'Po'], 229],
    ])
  })

  test('lists bad rows beside its output, in their order', async () => {
    const rows = [{ ...cscl, id: 'no-element', species: ['Xx', 'Cl'] }, cscl, '{', { ...cscl, id: 'flat', lattice: 1 }]
    const { code, stderr } = await run(['graph', write('mixed.jsonl', rows), '--out', 'mixed.out'])
    expect(code).toBe(0)
    expect(stderr).toContain('mixed.out: 1 crystals, 3 rows rejected (see mixed.out.rejected.jsonl)')
    const rejected = readJsonLines<Record<string, unknown>>(join(folder, 'mixed.out.rejected.jsonl'))
    expect(rejected.map(({ line, id, code }) => [line, id, code])).toEqual([
      [1, 'no-element', 'unknown_element'],
      [3, null, 'unparsable'],
      [4, 'flat', 'unparsable'],
    ])
    expect(readJsonLines<GraphLine>(join(folder, 'mixed.out')).map(({ id }) => id)).toEqual(['cscl'])
  })
})

describe('unitcell-data validity', () => {
  test.skipIf(!hasShared)(`agrees with all 1,200 reference compositions${needsShared}`, async () => {
    for (const name of ['real', 'random']) {
      const file = shared(`reference/smact-validity-${name}.jsonl.gz`)
      const { code, stdout } = await run(['validity', file])
      expect(code).toBe(0)
      const valid = parseLines<{ valid: boolean; reason: string | null }>(stdout)
      expect(valid.map((line) => line.valid)).toEqual(readJsonLines<{ valid: boolean }>(file).map((line) => line.valid))
      for (const line of valid) expect(line.reason === null).toBe(line.valid)
    }
  })

  test('answers compositions and species from standard input, by id or by line', async () => {
    const input = '{"id": "a", "species": ["Na", "Cl"]}\n\n{"composition": {"Na": 1, "O": 7}}\n'
    const { code, stdout } = await run(['validity', '-'], input)
    expect(code).toBe(0)
    expect(parseLines(stdout)).toEqual([
      { id: 'a', valid: true, reason: null },
      { line: 3, valid: false, reason: expect.stringMatching(/^not_neutral: /) as string },
    ])
  })

  test('answers bad lines too, goes on, and fails at the end', async () => {
    const input = ['{', '{"composition": {"Po": 1}}', '{"species": []}', '{}', 'null', '{"composition": {"Na": 1.5}}']
    const { code, stdout, stderr } = await run(['validity', '-'], [...input, '{"species": ["Fe"]}'].join('\n'))
    expect(code).toBe(1)
    const lines = parseLines<{ line: number; valid: boolean | null; error?: string }>(stdout)
    expect(lines.map(({ line, valid }) => [line, valid])).toEqual([
      ...[1, 2, 3, 4, 5, 6].map((n) => [n, null]),
      [7, true],
    ])
    for (const { error } of lines.slice(0, 6)) expect(error).toMatch(/^[a-z_]+: .+ \(.+\)$/)
    expect(stderr).toMatch(/^unitcell-data: error: 6 lines of - could not be tested \(.+\)\n$/)
  })

  test('writes a file on request', async () => {
    const { code, stdout } = await run(['validity', write('v.jsonl', [{ species: ['Na', 'Cl'] }]), '--out', 'v.out.gz'])
    expect([code, stdout]).toEqual([0, ''])
    expect(readJsonLines(join(folder, 'v.out.gz'))).toEqual([{ line: 1, valid: true, reason: null }])
  })
})

describe('unitcell-data info', () => {
  test('describes the built-in set to people and to machines', async () => {
    const human = await run(['info', 'builtin'])
    expect(human.code).toBe(0)
    const crystals = readJsonLines<{ species: string[] }>(builtin)
    expect(human.stdout).toMatch(new RegExp(`^crystals +\\d+ +\\d+ +${crystals.length}$`, 'm'))
    expect(human.stdout).toContain(`${new Set(crystals.flatMap(({ species }) => species)).size} elements`)
    const machine = await run(['info', 'builtin', '--json'])
    const facts = { crystals: crystals.length, rejected: { rows: 0 } }
    expect(JSON.parse(machine.stdout)).toMatchObject({ name: 'builtin', label_set: { name: 'sssp' }, ...facts })
  })

  test('describes the built-in set with its other label set', async () => {
    const { code, stdout } = await run(['info', 'builtin:gth', '--json'])
    expect(code).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({ name: 'builtin:gth', label_set: { name: 'gth', ecutwfc_ry: 90 } })
    const unknown = await run(['info', 'builtin:lda'])
    expect([unknown.code, unknown.stdout]).toEqual([1, ''])
    expect(unknown.stderr).toMatch(/^unitcell-data: error: .*builtin:lda.*builtin:gth\)\n$/)
  })

  test('of something else fails', async () => {
    const { code, stdout, stderr } = await run(['info', '.'])
    expect([code, stdout]).toEqual([1, ''])
    expect(stderr).toMatch(errorLine)
  })
})

test('unitcell-data --help names every command, an unknown one is refused', async () => {
  const help = await run(['--help'])
  expect(help.code).toBe(0)
  for (const command of ['import', 'graph', 'validity', 'info', 'build-reference'])
    expect(help.stdout).toContain(command)
  const unknown = await run(['nonsense'])
  expect(unknown.code).toBe(1)
  expect(unknown.stderr).toMatch(errorLine)
})
