import { spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  CrystalDataSet,
  DEFAULT_REWARD,
  EXPORT_FORMATS,
  exportDataSet,
  minariPlace,
  TransitionSet,
  UNFILLED,
} from '@unitcell/datasets'
import { runProgram } from '../../program.js'
import { exportBuiltin } from './sample.js'

const program = fileURLToPath(new URL('../../../datasets/bin.js', import.meta.url))

let folder: string
beforeAll(async () => (folder = await mkdtemp(join(tmpdir(), 'unitcell-export-'))))
afterAll(() => rm(folder, { recursive: true }))

/** Path and hash of every file below a folder. */
function fingerprint(root: string): string[] {
  return readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .map((path) => `${path.slice(root.length)} ${createHash('sha256').update(readFileSync(path)).digest('hex')}`)
    .sort()
}

const lines = <T>(path: string) =>
  readFileSync(path, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as T)

describe('an export', () => {
  test.each(EXPORT_FORMATS)('to %s has the same bytes for the same input', async (format) => {
    const [a, b] = ['first', 'second'].map((name) => join(folder, name, format))
    for (const root of [a, b]) {
      await exportBuiltin(format, join(root, 'data'))
      await sleep(1100 * Number(root === a)) // A time stamp in seconds would show.
    }
    const files = fingerprint(a)
    expect(files.length).toBeGreaterThan(0)
    expect(fingerprint(b)).toEqual(files)
  })

  test('to JSONL has a line for each transition: s, a, r and done, and the crystals beside', async () => {
    interface Row {
      episode: number
      crystal: number
      id: string
      step: number
      focus: number
      action: number
      reward: number
      terminated: boolean
      elements: number[]
    }
    const out = join(folder, 'rows.jsonl')
    const result = await exportBuiltin('jsonl', out)
    const rows = lines<Row>(out)
    const crystals = lines<{ crystal: number; id: string; species: string[] }>(join(folder, 'rows.crystals.jsonl'))
    const shard = (await CrystalDataSet.openBuiltin()).split('train')
    const set = new TransitionSet(shard)
    const { values } = set.rewards({ ...DEFAULT_REWARD, target: 2 })
    expect(result).toMatchObject({ transitions: set.count, episodes: set.trajectoryCount, unrewarded: 0 })
    expect(rows).toHaveLength(set.count)
    rows.forEach((row, t) => {
      const elements = new Uint8Array(row.elements.length)
      set.writeState(t, elements)
      expect(row).toEqual({
        episode: set.trajectory(t),
        crystal: row.crystal,
        id: shard.id(set.crystal(t)),
        step: set.step(t),
        focus: set.focus(t),
        action: set.action(t),
        reward: set.isLast(t) ? values[set.crystal(t)] : 0,
        terminated: set.isLast(t),
        elements: [...elements],
      })
      expect(crystals[row.crystal].id).toBe(row.id)
    })
  })

  test('with shuffled sites numbers sites, graph and orders alike, and gives nothing of the listing away', async () => {
    const out = join(folder, 'shuffled.jsonl')
    await exportBuiltin('jsonl', out, { trajectories: { sites: 'shuffled', seed: 3 } })
    const crystals = lines<{ id: string; frac_coords: number[]; edges: number[]; species: string[] }>(
      join(folder, 'shuffled.crystals.jsonl'),
    )
    const rows = lines<{ crystal: number; terminated: boolean; focus: number; action: number; elements: number[] }>(out)
    const shard = (await CrystalDataSet.openBuiltin()).split('train')
    const key = (coords: ArrayLike<number>, site: number) => [0, 1, 2].map((k) => coords[3 * site + k]).join()
    for (const crystal of crystals) {
      const row = shard.indexOf(crystal.id)!
      const listed = shard.structure(row)
      const sites = crystal.species.length
      const place = Array.from({ length: sites }, (_, site) =>
        [...Array(sites).keys()].find((other) => key(listed.fracCoords, other) === key(crystal.frac_coords, site)),
      )
      const edge = (from: number, to: number) => [from, to].sort((a, b) => a - b).join('-')
      const edges = (list: ArrayLike<number>, name: (site: number) => number) =>
        Array.from({ length: list.length / 2 }, (_, e) => edge(name(list[2 * e]), name(list[2 * e + 1]))).sort()
      expect(edges(crystal.edges, (site) => place[site]!)).toEqual(edges(shard.graph(row).edges, (site) => site))
    }
    for (const row of rows.filter(({ terminated }) => terminated)) {
      expect(row.elements.filter((element) => element === UNFILLED)).toHaveLength(1)
      expect(row.elements[row.focus]).toBe(UNFILLED)
    }
    // The same crystal starts at different new numbers: episodes of which not all can begin at site 0.
    const first = lines<{ step: number; focus: number; elements: number[] }>(out).filter(({ step }) => step === 0)
    expect(new Set(first.map(({ focus }) => focus)).size).toBeGreaterThan(3)
  })

  test('leaves out what has no reward, and says so', async () => {
    const out = join(folder, 'formation.jsonl')
    const { code, stdout, stderr } = await runProgram('datasets', [
      ...['export', 'builtin', '--to', 'jsonl', '--out', out, '--energy', 'formation', '--json'],
    ])
    // The built-in crystals have no formation energies; each connected one has an episode for each of its first five sites.
    const train = (await CrystalDataSet.openBuiltin()).split('train')
    const connected = Array.from({ length: train.count }, (_, i) => i).filter((i) => train.connected(i))
    const episodes = connected.reduce((sum, i) => sum + Math.min(5, train.structure(i).species.length), 0)
    expect(code).toBe(1)
    expect(stdout).toBe('')
    expect(stderr).toContain(`no transitions to export (${episodes} episodes lack a label) (`)
    expect(existsSync(out)).toBe(false)
  })

  test('obeys --split, --max-sites, --sources and the parameters of the reward', async () => {
    const out = join(folder, 'options.jsonl')
    const { code, stdout } = await runProgram('datasets', [
      ...['export', 'builtin', '--to', 'jsonl', '--out', out, '--split', 'val', '--max-sites', '2', '--sources', '1'],
      ...['--alpha1', '0', '--alpha2', '10', '--beta', '1', '--target', '1.12', '--json'],
    ])
    expect(code).toBe(0)
    const rows = lines<{ id: string; reward: number; terminated: boolean; elements: number[] }>(out)
    expect(JSON.parse(stdout)).toMatchObject({ out, split: 'val', transitions: rows.length, episodes: rows.length / 2 })
    const shard = (await CrystalDataSet.openBuiltin()).split('val')
    for (const { id, reward, terminated, elements } of rows) {
      expect(elements).toHaveLength(2)
      const gap = shard.labels(shard.indexOf(id)!).bandGapEv!
      expect(reward).toBeCloseTo(terminated ? 10 * Math.exp(-((gap - 1.12) ** 2)) : 0, 12)
    }
  })

  test('that is killed leaves no file under the final name', async () => {
    const place = join(folder, 'killed')
    mkdirSync(place)
    // Stops the program at the moment before the file gets its name.
    const stop = `import fs from 'node:fs'; import { syncBuiltinESMExports } from 'node:module';
      fs.fsyncSync = () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0); syncBuiltinESMExports()`
    const out = join(place, 'data.hdf5')
    const child = spawn(process.execPath, [
      ...['--import', `data:text/javascript,${encodeURIComponent(stop)}`, program],
      ...['export', 'builtin', '--to', 'd3rlpy', '--out', out],
    ])
    while (!readdirSync(place).some((name) => name.includes('partial'))) await sleep(20)
    child.kill('SIGKILL')
    await once(child, 'close')
    expect(readdirSync(place).every((name) => name.startsWith('.data.hdf5.partial-'))).toBe(true)
  })

  test('that is stopped leaves nothing', async () => {
    const place = join(folder, 'stopped')
    mkdirSync(place)
    for (const format of EXPORT_FORMATS) {
      const controller = new AbortController()
      const onStart = () => ({ update: () => controller.abort(new Error('stopped')), stop: () => {} })
      const job = exportBuiltin(format, join(place, `${format}-v0`), { signal: controller.signal, onStart })
      await expect(job).rejects.toThrow('stopped')
    }
    expect(readdirSync(place)).toEqual([])
  })

  const mayMount = spawnSync('unshare', ['-rm', 'mount', '-t', 'tmpfs', 'tmpfs', '/mnt']).status === 0
  test.skipIf(!mayMount)(
    `to a full disk is a clear error, and leaves nothing${mayMount ? '' : ' (skipped: no small disk may be mounted here)'}`,
    () => {
      for (const format of ['minari', 'parquet']) {
        const script = `mount -t tmpfs -o size=12k tmpfs /mnt
          "$@" export builtin --to ${format} --out /mnt/data-v0; code=$?; ls -AR /mnt | grep -v '^/mnt' ; exit $code`
        const { status, stdout, stderr } = spawnSync(
          'unshare',
          ['-rm', 'sh', '-c', script, 'sh', process.execPath, program],
          { encoding: 'utf8' },
        )
        expect(stderr, format).toMatch(/unitcell-data: error: ENOSPC: no space left on device.*free space\)\n$/)
        expect(stdout.trim(), format).toBe('')
        expect(status, format).toBe(1)
      }
    },
  )

  test('to Minari replaces an export of its own, and nothing else', async () => {
    const own = join(folder, 'own-v0')
    await exportBuiltin('minari', own)
    await exportBuiltin('minari', own)
    const foreign = join(folder, 'foreign-v0')
    mkdirSync(foreign)
    writeFileSync(join(foreign, 'thesis.txt'), 'dear')
    await expect(exportBuiltin('minari', foreign)).rejects.toMatchObject({ code: 'exists' })
    expect(readdirSync(foreign)).toEqual(['thesis.txt'])
  })

  test('to Minari has an id without dots, with a version', () => {
    expect(minariPlace('/data/nonmetals-v3', 'mp20.1', 'train')).toEqual({
      path: '/data/nonmetals-v3',
      id: 'nonmetals-v3',
    })
    expect(minariPlace('/data', 'mp20.1 x', 'train')).toEqual({
      path: '/data/mp20_1_x-train-v0',
      id: 'mp20_1_x-train-v0',
    })
  })

  test('of an unknown split is refused', async () => {
    const dataSet = await CrystalDataSet.openBuiltin()
    const request = { format: 'jsonl', out: join(folder, 'x'), split: 'test', reward: DEFAULT_REWARD } as const
    await expect(exportDataSet(dataSet, request)).rejects.toMatchObject({ code: 'unknown_split' })
  })
})
