import { setTimeout as sleep } from 'node:timers/promises'
import { connect } from '@unitcell/protocol'
import { expect, test } from 'vitest'
import { startServer } from '../env/server/wire.js'
import { Proxy } from './proxy.js'

const CRYSTAL = 'reference-lif-rocksalt'

test('a connection that breaks between two steps is taken up where it broke', async () => {
  const { url, context } = await startServer()
  const proxy = await Proxy.start(url)
  const client = await connect(proxy.url)
  const env = await client.make('CrystalFill-v1')
  await env.reset({ seed: 1, options: { crystal: CRYSTAL } })
  await env.step(2)
  proxy.cut()
  const { terminated, info } = await env.step(8)
  expect(terminated).toBe(true)
  expect(info.outcome).toMatchObject({ crystal: CRYSTAL, failure: null })
  expect(context.sessions.size).toBe(1)
  await client.close()
})

test('a step whose answer was lost is answered again, and not taken twice', async () => {
  const { url } = await startServer()
  const proxy = await Proxy.start(url)
  const client = await connect(proxy.url)
  const env = await client.make('CrystalFill-v1')
  const { observation } = await env.reset({ seed: 1, options: { crystal: 'reference-caf2-fluorite' } })
  expect(observation.graph.sites).toBe(3)
  proxy.isDeaf = true
  const step = env.step(2)
  // The server has taken the step when it answers a peer that asks after it.
  const witness = await connect(url)
  await witness.ping()
  await witness.close()
  await sleep(50)
  proxy.cut()
  expect((await step).observation.step).toBe(1)
  expect((await env.observe()).observation.step).toBe(1)
  await client.close()
})

test('many requests under way when the connection breaks are all answered, each carried out once', async () => {
  const { url } = await startServer()
  const proxy = await Proxy.start(url)
  const client = await connect(proxy.url)
  const env = await client.makeVector('CrystalFill-v1', 2, { autoreset: 'next_step' })
  const play = async (broken: boolean) => {
    await env.reset({ seed: 9 })
    const steps = Array.from({ length: 200 }, (_, i) => env.step([i % 88, 1]))
    if (broken) {
      await steps[20]
      proxy.cut()
    }
    return (await Promise.all(steps)).map(({ observation }) => [...observation.step, ...observation.elements])
  }
  expect(await play(true)).toEqual(await play(false))
  await client.close()
})

test('a server that stays away: requests fail when the patience is over', async () => {
  const { url } = await startServer()
  const proxy = await Proxy.start(url)
  const client = await connect(proxy.url, { reconnectMs: 300 })
  const env = await client.make('CrystalFill-v1')
  proxy.isDown = true
  proxy.cut()
  await expect(env.reset()).rejects.toMatchObject({ name: 'ConnectionError', code: 'connection_lost' })
  await expect(env.reset()).rejects.toMatchObject({ code: 'closed' })
})

test('a server that was restarted does not know the session, and says so', async () => {
  const first = await startServer()
  const port = Number(new URL(first.url).port)
  const client = await connect(first.url)
  const env = await client.make('CrystalFill-v1')
  await first.stop()
  await startServer({ port })
  await expect(env.reset()).rejects.toMatchObject({ name: 'ProtocolError', code: 'unknown_session' })
})

test('reconnectMs 0: a lost connection is an error at once', async () => {
  const { url } = await startServer()
  const proxy = await Proxy.start(url)
  const client = await connect(proxy.url, { reconnectMs: 0 })
  proxy.isDeaf = true
  const ping = client.ping()
  proxy.cut()
  await expect(ping).rejects.toMatchObject({ code: 'connection_lost' })
})

test('no answer within timeoutMs is a timeout', async () => {
  const { url } = await startServer()
  const proxy = await Proxy.start(url)
  const client = await connect(proxy.url, { timeoutMs: 1500, reconnectMs: 0 })
  proxy.isDeaf = true
  await expect(client.ping()).rejects.toMatchObject({ code: 'timeout', message: /ping within 1\.5 s/ })
  proxy.cut()
  await client.close()
})

test('a client that ends the process of its own accord leaves no socket behind', async () => {
  const server = await startServer()
  const client = await connect(server.url)
  await client.close()
  const health = (await (await fetch(server.url.replace('ws', 'http').replace('/v1', '/health'))).json()) as object
  expect(health).toMatchObject({ status: 'ok', sessions: 0 })
})
