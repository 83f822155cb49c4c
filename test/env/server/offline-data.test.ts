import { readdirSync, writeFileSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { CrystalDataSet, DEFAULT_REWARD, fetchDataSet, TransitionSet } from '@unitcell/datasets'
import { EnvironmentServer } from '@unitcell/env'
import { connect, type Client, type TransitionPiece } from '@unitcell/protocol'

let server: EnvironmentServer
let client: Client
let dataSet: CrystalDataSet
let http: string
let folder: string

beforeAll(async () => {
  dataSet = await CrystalDataSet.openBuiltin()
  server = await EnvironmentServer.start({ datasets: [dataSet] })
  http = server.url.replace(/^ws/, 'http').replace(/\/v1$/, '')
  client = await connect(server.url)
  folder = await mkdtemp(join(tmpdir(), 'unitcell-fetch-'))
})
afterAll(async () => {
  await client.close()
  await server.stop()
  await rm(folder, { recursive: true })
})

async function collect(params: Parameters<Client['transitions']>[0], prefetch?: number): Promise<TransitionPiece[]> {
  const pieces: TransitionPiece[] = []
  for await (const piece of client.transitions(params, prefetch === undefined ? {} : { prefetch })) pieces.push(piece)
  return pieces
}
const joined = (pieces: readonly TransitionPiece[], field: 'action' | 'focus' | 'reward' | 'elements' | 'crystal') =>
  pieces.flatMap((piece) => [...piece[field]])

describe('transitions on the wire', () => {
  test.each([0, 1, 2, 5])(
    'are those of the data set, in pieces, with %i pieces asked for in advance',
    async (prefetch) => {
      const set = new TransitionSet(dataSet.split('train'))
      const { values } = set.rewards({ ...DEFAULT_REWARD, target: 2 })
      const pieces = await collect({ count: 100, reward: { target: 2 } }, prefetch)
      expect(pieces).toHaveLength(Math.ceil(set.count / 100))
      expect(pieces.at(-1)!.next).toBeNull()
      expect(joined(pieces, 'action')).toEqual([...set.trajectories.actions])
      expect(joined(pieces, 'focus')).toEqual([...set.trajectories.sites])
      const rewards = Array.from({ length: set.count }, (_, t) => (set.isLast(t) ? values[set.crystal(t)] : 0))
      expect(joined(pieces, 'reward')).toEqual(rewards)
      for (const { crystals, crystal } of pieces) {
        expect([...crystals!.crystal]).toEqual([...new Set(crystal)])
        expect(crystals!.id).toEqual([...crystals!.crystal].map((row) => dataSet.split('train').id(row)))
      }
    },
  )

  test('shuffled are the same ones in an order of the seed, and go on from a cursor', async () => {
    const sequential = await collect({ graphs: false })
    const shuffled = await collect({ order: 'shuffled', seed: 4, count: 500, graphs: false })
    expect(shuffled[0].crystals).toBeNull()
    expect(joined(shuffled, 'action')).not.toEqual(joined(sequential, 'action'))
    expect(joined(shuffled, 'action').sort()).toEqual(joined(sequential, 'action').sort())
    const rest = await collect({ order: 'shuffled', seed: 4, from: shuffled[1].from, graphs: false })
    expect(joined(rest, 'action')).toEqual(joined(shuffled.slice(1), 'action'))
  })

  test('can be of some crystals alone', async () => {
    const filter = { gap_ev: { min: 2, max: 6 }, sites: { max: 2 }, elements: ['Li', 'Na', 'K', 'F', 'Cl', 'Br'] }
    const [piece] = await collect({ split: 'train', filter })
    const shard = dataSet.split('train')
    expect(piece.crystal.length).toBeGreaterThan(0)
    for (const row of piece.crystal) {
      expect(shard.siteCount(row)).toBeLessThanOrEqual(2)
      expect(shard.labels(row).bandGapEv).toBeGreaterThanOrEqual(2)
    }
  })

  test('are refused for an unknown split, element or data set', async () => {
    await expect(collect({ split: 'test' })).rejects.toMatchObject({ code: 'unknown_split' })
    await expect(collect({ name: 'other' })).rejects.toMatchObject({ code: 'unknown_dataset' })
    await expect(collect({ filter: { elements: ['Xx'] } })).rejects.toMatchObject({ code: 'invalid_options' })
  })
})

describe('data sets over HTTP', () => {
  const file = () => dataSet.files[0]
  const url = () => `${http}/v1/datasets/builtin/files/${file().file}`

  test('are listed, with manifest, card and files', async () => {
    const list = (await (await fetch(`${http}/v1/datasets`)).json()) as { datasets: { name: string; url: string }[] }
    expect(list.datasets).toMatchObject([{ name: 'builtin', hash: dataSet.hash }])
    const one = (await (await fetch(http + list.datasets[0].url)).json()) as { manifest: object; card: string }
    expect(one.manifest).toEqual(JSON.parse(JSON.stringify(dataSet.manifest)))
    expect(await (await fetch(http + one.card)).text()).toContain(dataSet.hash)
    expect((await fetch(`${http}/v1/datasets/other`)).status).toBe(404)
    expect((await fetch(`${http}/v1/datasets/builtin/files/manifest.json`)).status).toBe(404)
  })

  test('come whole, in ranges, or not at all when the copy is still good', async () => {
    const bytes = dataSet.fileBytes(file().file)
    const etag = `"${file().sha256}"`
    const whole = await fetch(url())
    expect(whole.headers.get('etag')).toBe(etag)
    expect(Buffer.from(await whole.arrayBuffer()).equals(Buffer.from(bytes))).toBe(true)
    const ask = (headers: Record<string, string>) => fetch(url(), { headers })
    const middle = await ask({ range: 'bytes=10-19' })
    expect([middle.status, middle.headers.get('content-range')]).toEqual([206, `bytes 10-19/${bytes.length}`])
    expect([...new Uint8Array(await middle.arrayBuffer())]).toEqual([...bytes.subarray(10, 20)])
    const tail = await ask({ range: 'bytes=-7', 'if-range': etag })
    expect([...new Uint8Array(await tail.arrayBuffer())]).toEqual([...bytes.subarray(-7)])
    expect((await ask({ range: `bytes=${bytes.length}-` })).status).toBe(416)
    expect((await ask({ range: 'bytes=5-', 'if-range': '"other"' })).status).toBe(200)
    expect((await ask({ 'if-none-match': etag })).status).toBe(304)
  })

  test('are fetched into a cache once, a broken download is taken up, and a damaged copy is replaced', async () => {
    const cacheFolder = join(folder, 'cache')
    // A download that stopped after 1000 bytes.
    const partial = join(cacheFolder, `${dataSet.hash}.partial`)
    await mkdir(partial, { recursive: true })
    writeFileSync(join(partial, file().file), dataSet.fileBytes(file().file).subarray(0, 1000))
    const copy = await fetchDataSet(http, { cacheFolder })
    expect(readdirSync(cacheFolder)).toEqual([dataSet.hash])
    const opened = await CrystalDataSet.openFolder(copy)
    opened.verifyHashes()
    expect(opened.hash).toBe(dataSet.hash)
    const damaged = await readFile(join(copy, file().file))
    damaged[100] ^= 1
    writeFileSync(join(copy, file().file), damaged)
    const again = await CrystalDataSet.openFolder(await fetchDataSet(`${http}/v1/datasets/builtin`, { cacheFolder }))
    again.verifyHashes()
  })

  test('want the token of the server, if it has one', async () => {
    const closed = await EnvironmentServer.start({ datasets: [dataSet], token: 'secret' })
    const address = closed.url.replace(/^ws/, 'http').replace(/\/v1$/, '')
    const cacheFolder = join(folder, 'closed')
    try {
      expect((await fetch(`${address}/v1/datasets`)).status).toBe(401)
      await expect(fetchDataSet(address, { cacheFolder })).rejects.toMatchObject({ code: 'unreachable' })
      await fetchDataSet(address, { cacheFolder, token: 'secret' })
    } finally {
      await closed.stop()
    }
  })

  test('of a server that is not there are a clear error', async () => {
    await expect(fetchDataSet('http://127.0.0.1:9', { cacheFolder: folder })).rejects.toThrow(/does not answer.+start/)
  })
})
