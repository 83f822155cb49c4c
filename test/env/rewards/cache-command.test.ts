import { spawnSync } from 'node:child_process'
import { closeSync, openSync, readFileSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync, gzipSync } from 'node:zlib'
import { importResults, labelSetIdentity, ResultStore, type CacheRecord } from '@unitcell/env'
import { readCrystals } from '@unitcell/datasets'
import { beforeAll, describe, expect, test } from 'vitest'
import { rocksalt, temporaryFolder } from '../dft/fixtures.js'
import { someLabelSet, someRecord } from './results.js'

const program = new URL('../../../env/bin.js', import.meta.url).pathname
const set = someLabelSet()
const other = someLabelSet({ kGrid: [4, 4, 4] })
const salts: [string, number, number][] = [
  ['Na', 5.64, -128.89],
  ['K', 6.29, -160.1],
]

let folder: string
let exported: string
beforeAll(async () => {
  folder = temporaryFolder()
  const store = await ResultStore.open(folder)
  for (const [cation, a, energy] of salts) {
    await store.put(someRecord(rocksalt(a, cation, 'Cl'), energy, set, [cation, 'Cl']), set)
  }
  const [, a] = salts[0]
  await store.put(someRecord(rocksalt(a, 'Na', 'Cl'), -128.9, other, ['Na', 'Cl']), other)
  await store.close()
  exported = join(temporaryFolder(), 'results.jsonl.gz')
  expect(cache('export', exported, '--cache', folder).status).toBe(0)
}, 60_000)

function cache(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, 'cache', ...args], { encoding: 'utf8' })
  return { status, stdout, stderr }
}

const linesOf = (file: string) => gunzipSync(readFileSync(file)).toString().trim().split('\n')

/** The exported lines with the first one changed, as a file. */
function changed(change: (line: Record<string, unknown>) => object): string {
  const [first, ...rest] = linesOf(exported)
  const file = join(temporaryFolder(), 'changed.jsonl')
  writeFileSync(file, [JSON.stringify(change(JSON.parse(first) as Record<string, unknown>)), ...rest].join('\n'))
  return file
}

describe('cache stats', () => {
  test('counts results by label set, never two sets as one', () => {
    const { stdout, status } = cache('stats', '--cache', folder, '--json')
    expect(status).toBe(0)
    const settings = (kGrid: string) => `Quantum Espresso pw.x 6.7MaX, PBE, 30/240 Ry, ${kGrid} k points, bands tight`
    const { label_sets: sets, ...summary } = JSON.parse(stdout) as { label_sets: unknown[] }
    expect(summary).toMatchObject({ folder, results: 3, cpu_seconds: 5, failures: {} })
    expect(sets).toHaveLength(2)
    expect(sets).toContainEqual({ settings: settings('3x3x3'), elements: 3, converged: 2, failed: 0 })
    expect(sets).toContainEqual({ settings: settings('4x4x4'), elements: 2, converged: 1, failed: 0 })
    expect(cache('stats', '--cache', folder).stdout).toContain('3 results')
  })

  test('says where no cache is', () => {
    const { status, stderr } = cache('stats', '--cache', join(folder, 'none'))
    expect(stderr).toMatch(/^unitcell-env: error: there is no cache in .* \(name the folder of one by --cache\)\n$/)
    expect(status).toBe(1)
  })
})

describe('cache export and import', () => {
  test('write and read Crystals JSONL with the identity of the label set', async () => {
    const lines = linesOf(exported).map((line) => JSON.parse(line) as CacheRecord)
    expect(lines.map(({ total_energy_ry: energy }) => energy).sort()).toEqual([-128.89, -128.9, -160.1])
    expect(lines.map(({ label_set: identity }) => identity)).toContain(labelSetIdentity(set, ['Na', 'Cl']))
    for await (const row of readCrystals(exported)) expect(row).toHaveProperty('crystal')
    expect(cache('export', '--cache', folder).stdout.trim().split('\n')).toEqual(linesOf(exported))

    const copy = temporaryFolder()
    expect(cache('import', exported, '--cache', copy, '--json').stdout).toBe('{"added":3,"known":0,"conflicting":0}\n')
    expect(cache('import', exported, '--cache', copy).stdout).toBe('0 results added, 3 were there already\n')
    expect(cache('export', '--cache', copy).stdout.trim().split('\n')).toEqual(linesOf(exported))
  }, 60_000)

  test('keep the result that is there, and say that another came', () => {
    const before = cache('export', '--cache', folder).stdout
    const file = changed((line) => ({ ...line, total_energy_ry: -5 }))
    const { stdout, stderr, status } = cache('import', file, '--cache', folder)
    expect(stdout).toBe('0 results added, 2 were there already\n')
    expect(stderr).toContain('1 crystals had another result in the cache')
    expect(status).toBe(0)
    expect(cache('export', '--cache', folder).stdout).toBe(before)
  }, 60_000)

  const settings = (line: Record<string, unknown>) => line['label_set_settings'] as Record<string, unknown>
  const bad: [string, RegExp, (line: Record<string, unknown>) => object][] = [
    ['no label set', /label_set: /, (line) => ({ ...line, label_set: undefined })],
    ['no settings', /label_set_settings: /, (line) => ({ ...line, label_set_settings: undefined })],
    ['another label set', /it claims 0000/, (line) => ({ ...line, label_set: '0'.repeat(64) })],
    ['other settings', /identity/, (line) => ({ ...line, label_set_settings: { ...settings(line), mixingBeta: 0.3 } })],
    ['an element without pseudopotential', /no pseudopotential of Ne/, (line) => ({ ...line, species: ['Ne', 'Cl'] })],
    ['no crystal', /span no volume/, (line) => ({ ...line, lattice: [[1, 0, 0], [2, 0, 0], [0, 0, 1]] })], // prettier-ignore
    ['no energy', /no energy or gap/, (line) => ({ ...line, total_energy_ry: null })],
    [
      'a time limit',
      /need not come again/,
      (line) => ({ ...line, status: 'failed', failure: { code: 'time_limit', message: 'm', deterministic: false } }),
    ],
  ]
  test.each(bad)('refuse a line with %s', async (_, message, change) => {
    const store = await ResultStore.open(temporaryFolder())
    const file = changed(change)
    const error: unknown = await importResults(store, file).catch((caught: unknown) => caught)
    expect(error).toHaveProperty('code')
    expect((error as Error).message).toMatch(/changed\.jsonl:1: [^]* \([^()]*\)$/)
    expect((error as Error).message).toMatch(message)
    expect([...store.records()]).toEqual([])
    await store.close()
  })

  test('refuse what is no export', () => {
    const file = join(temporaryFolder(), 'text.jsonl.gz')
    writeFileSync(file, gzipSync('hello\n'))
    const { status, stderr } = cache('import', file, '--cache', temporaryFolder())
    expect(stderr).toContain('text.jsonl.gz:1: the line is no JSON object')
    expect(status).toBe(1)
  })
})

describe('cache verify', () => {
  test('is content with a whole cache', () => {
    expect(cache('verify', '--cache', folder)).toMatchObject({ status: 0, stdout: '6 entries are what was put in\n' })
  })

  test('names every entry that is not what was put in', async () => {
    const damaged = temporaryFolder()
    expect(cache('import', exported, '--cache', damaged).status).toBe(0)
    const data = join(damaged, 'data.mdb')
    const content = readFileSync(data)
    const file = openSync(data, 'r+')
    for (const text of ['-160.1', '"mixingBeta":0.7']) {
      const at = content.indexOf(text)
      expect(at).toBeGreaterThan(0)
      writeSync(file, text.replace(/\d/, '9'), at)
    }
    closeSync(file)
    const { status, stdout, stderr } = cache('verify', '--cache', damaged)
    expect(stdout.trim().split('\n')).toHaveLength(2)
    expect(stdout).toContain('the text is not the one that its SHA-256 was made of')
    expect(stdout).toContain('the settings have the identity')
    expect(stderr).toMatch(/^unitcell-env: error: 2 of 6 entries .* are damaged \(.*\)\n$/)
    expect(status).toBe(1)
  }, 60_000)

  test('reports a file whose pages were overwritten', async () => {
    const damaged = temporaryFolder()
    expect(cache('import', exported, '--cache', damaged).status).toBe(0)
    const data = join(damaged, 'data.mdb')
    const size = readFileSync(data).length
    const file = openSync(data, 'r+')
    writeSync(file, Buffer.alloc(size - 2 * 4096, 0x5a), 0, size - 2 * 4096, 2 * 4096)
    closeSync(file)
    const { status, stderr } = cache('verify', '--cache', damaged)
    expect(stderr).toMatch(/^unitcell-env: error: .* is damaged: page \d+ holds something else \(.*\)\n$/)
    expect(status).toBe(1)
  })
})
