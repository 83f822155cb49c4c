import { spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  closeSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readFileSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { open } from 'lmdb'
import { permuteStructure } from '@unitcell/datasets'
import { filledCrystal, labelSetIdentity, ResultStore, type CacheRecord } from '@unitcell/env'
import { describe, expect, test } from 'vitest'
import { rocksalt, temporaryFolder } from '../dft/fixtures.js'
import { someLabelSet, someRecord } from './results.js'

const salt = rocksalt(5.64, 'Na', 'Cl')
const elements = ['Na', 'Cl']
const set = someLabelSet()
const identity = labelSetIdentity(set, elements)
const crystalOf = (structure = salt) => filledCrystal(structure, structure.species)
const template = someRecord(salt, -128.89, set, elements)

/** A store with one result, closed. */
async function storeWithSalt(): Promise<string> {
  const folder = temporaryFolder()
  const store = await ResultStore.open(folder)
  await store.put(template, set)
  await store.close()
  return folder
}

describe('a store of results', () => {
  test('finds a result by another description of its crystal, in another process life', async () => {
    const store = await ResultStore.open(await storeWithSalt())
    const listed = permuteStructure(salt, Uint16Array.of(1, 0))
    const moved = { ...listed, fracCoords: listed.fracCoords.map((value, k) => value + 0.1 * (k % 3)) }
    expect(store.find(identity, crystalOf(moved))).toEqual(template)
    expect(store.find(identity, crystalOf(rocksalt(5.65, 'Na', 'Cl')))).toBeNull()
    await store.close()
  })

  test('keeps label sets apart: other settings, another pseudopotential, another version of pw.x', async () => {
    const store = await ResultStore.open(await storeWithSalt())
    const others = [
      someLabelSet({ kGrid: [4, 4, 4] }),
      someLabelSet({ codeVersion: '7.2' }),
      someLabelSet({ bands: { kind: 'constant', count: 256 } }),
      someLabelSet({ pseudopotentials: { ...set.pseudopotentials, Cl: set.pseudopotentials['K'] } }),
    ]
    for (const [i, other] of others.entries()) {
      expect(store.find(labelSetIdentity(other, elements), crystalOf())).toBeNull()
      await store.put(someRecord(salt, -1 - i, other, elements), other)
    }
    others.forEach((other, i) => {
      expect(store.find(labelSetIdentity(other, elements), crystalOf())).toMatchObject({ total_energy_ry: -1 - i })
    })
    expect(store.find(identity, crystalOf())).toEqual(template)
    // A pseudopotential of an element that the crystal does not have plays no part.
    const potassium = { ...set.pseudopotentials, K: { file: 'other', sha256: 'd'.repeat(64) } }
    expect(labelSetIdentity(someLabelSet({ pseudopotentials: potassium }), elements)).toBe(identity)
    await store.close()
  })

  test('has one result of a crystal, the latest, however it was described', async () => {
    const store = await ResultStore.open(await storeWithSalt())
    await store.put(someRecord(permuteStructure(salt, Uint16Array.of(1, 0)), -2, set, elements), set)
    expect([...store.records()].map(({ total_energy_ry: energy }) => energy)).toEqual([-2])
    expect(store.labelSet(identity)).toMatchObject({ codeVersion: '6.7MaX' })
    await store.close()
  })
})

describe('a store that was killed', () => {
  test('has every result that was reported, however often and whenever', async () => {
    const folder = temporaryFolder()
    let next = 1
    for (const afterMilliseconds of [100, 7]) {
      const child = startWriter(folder, next)
      const lines = createInterface({ input: child.stdout })
      const ended = once(child, 'exit')
      // The clock starts with the first result, so that a slow machine kills at random moments too.
      lines.once('line', () => setTimeout(() => child.kill('SIGKILL'), afterMilliseconds))
      for await (const line of lines) next = Number(line) + 1
      await ended
      expect(child.signalCode).toBe('SIGKILL')
      const store = await ResultStore.open(folder, { existing: true })
      const kept = new Set([...store.records()].map((record) => -record.total_energy_ry!))
      for (let n = 1; n < next; n++) expect(kept.has(n), `result ${n}`).toBe(true)
      await store.close()
    }
    expect(next).toBeGreaterThan(2)
  }, 120_000)
})

describe('a store that cannot be used says so', () => {
  const dataOf = (folder: string) => join(folder, 'data.mdb')

  test('cannot be made in a place that cannot be written', async () => {
    const file = join(temporaryFolder(), 'file')
    writeFileSync(file, '')
    await expect(ResultStore.open(join(file, 'cache'))).rejects.toMatchObject({ code: 'cache_unwritable' })
  })

  test('is asked for, and not there', async () => {
    const folder = temporaryFolder()
    await expect(ResultStore.open(folder, { existing: true })).rejects.toMatchObject({ code: 'cache_missing' })
    await expect(ResultStore.open(folder)).resolves.toBeInstanceOf(ResultStore)
  })

  test('is some other file', async () => {
    for (const content of ['hello', 'x'.repeat(100_000), Buffer.alloc(50_000)]) {
      const folder = temporaryFolder()
      writeFileSync(dataOf(folder), content)
      await expect(ResultStore.open(folder)).rejects.toMatchObject({ code: 'cache_foreign' })
      expect(readFileSync(dataOf(folder)).equals(Buffer.from(content))).toBe(true)
    }
  })

  test('is a database of another program, or of another version of this one', async () => {
    for (const [key, value] of [
      ['something', 'else'],
      ['format', 'unitcell-results 99'],
    ] as const) {
      const folder = temporaryFolder()
      const other = open({ path: folder, noSubdir: false, encoding: 'string' })
      await other.put(key, value)
      await other.close()
      await expect(ResultStore.open(folder)).rejects.toMatchObject({ code: 'cache_foreign' })
    }
  })

  test('is a file that was cut off, anywhere', async () => {
    const folder = await storeWithSalt()
    const whole = statSync(dataOf(folder)).size
    for (const size of [whole - 1, whole - 4096, 8191, 5000, 4096, 100]) {
      const damaged = temporaryFolder()
      writeFileSync(dataOf(damaged), readFileSync(dataOf(folder)))
      const file = openSync(dataOf(damaged), 'r+')
      ftruncateSync(file, size)
      closeSync(file)
      const error = await ResultStore.open(damaged).then(
        () => null,
        (caught: unknown) => caught,
      )
      expect(error, `${size} of ${whole} bytes`).toMatchObject({
        code: expect.stringMatching(/^cache_(corrupt|foreign)$/),
        message: expect.stringMatching(/\(.*\)$/),
      })
    }
  })

  test('has a damaged result: it counts as none, and a new one takes its place', async () => {
    const folder = await storeWithSalt()
    const content = readFileSync(dataOf(folder))
    const at = content.indexOf('-128.89')
    const file = openSync(dataOf(folder), 'r+')
    writeSync(file, '-999.99', at)
    closeSync(file)
    const store = await ResultStore.open(folder)
    expect(store.find(identity, crystalOf())).toBeNull()
    await store.put(template, set)
    expect(store.find(identity, crystalOf())).toEqual(template)
    expect([...store.records()]).toHaveLength(1)
    await store.close()
  })

  test('has no room left on the disk: what is there stays, and nothing half-written is found', async () => {
    const folder = temporaryFolder()
    // A limit on the size of files is the full disk of a test that need not be root.
    const child = startWriter(folder, 1, `trap '' XFSZ; ulimit -f 200; exec "$@"`)
    const told: number[] = []
    createInterface({ input: child.stdout }).on('line', (line) => told.push(Number(line)))
    let complaint = ''
    child.stderr.on('data', (chunk: Buffer) => (complaint += chunk.toString()))
    const [exitCode] = (await once(child, 'close')) as [number]
    expect(complaint).toMatch(/^cache_unwritable: .*free disk space/m)
    expect(exitCode).toBe(1)
    const store = await ResultStore.open(folder)
    expect([...store.records()].map((record) => -record.total_energy_ry!).sort((a, b) => a - b)).toEqual(told)
    await store.put(template, set)
    await store.close()
  }, 120_000)
})

function startWriter(folder: string, first: number, shell = 'exec "$@"') {
  const script = new URL('result-writer.mjs', import.meta.url).pathname
  const argument = JSON.stringify({ record: template satisfies CacheRecord, labelSet: set })
  mkdirSync(folder, { recursive: true })
  return spawn('bash', ['-c', shell, 'bash', process.execPath, script, folder, String(first), argument], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
}
