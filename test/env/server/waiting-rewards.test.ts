import { elementIndex } from '@unitcell/datasets'
import { DftError } from '@unitcell/env'
import { fromNdArray, type Encoding, type NdArray } from '@unitcell/protocol'
import { beforeEach, describe, expect, test } from 'vitest'
import { evaluated, failed, SlowEvaluator } from './slow-evaluator.js'
import { Peer, startServer, type Notice } from './wire.js'

// Crystals of two sites, and their elements as actions.
const LIF = 'reference-lif-rocksalt'
const [H, O, Na, Cl] = ['H', 'O', 'Na', 'Cl'].map((symbol) => elementIndex(symbol)!)

const slots = 2
let evaluator: SlowEvaluator
let url: string
beforeEach(async () => {
  evaluator = new SlowEvaluator(slots)
  ;({ url } = await startServer({ rewards: evaluator.source, limits: { progress_seconds: 0.01 } }))
})

const isAccepted = (notice: Notice): notice is Extract<Notice, { accepted: true }> => 'accepted' in notice
const isProgress = (notice: Notice): notice is Extract<Notice, { progress: object }> => 'progress' in notice
const isAnything =
  (condition: () => boolean) =>
  (notice: Notice): notice is Notice =>
    condition() && 'id' in notice
const progressOf = (peer: Peer) => peer.notices.filter(isProgress).map(({ progress }) => progress)

/** An environment one site before the end of an episode. */
async function almostDone(peer: Peer, options: object = {}): Promise<number> {
  const { handle } = await peer.result('make', {
    environment: 'CrystalFill-v1',
    options: { sites: 'file', ...options },
  })
  await peer.result('reset', { handle, seed: 1, options: { crystal: LIF } })
  await peer.result('step', { handle, actions: O })
  return handle
}

/** A vector of two environments one site before the end of their episodes. */
async function almostDoneVector(peer: Peer, options: object = {}): Promise<number> {
  const { handle } = await peer.result('make', {
    environment: 'CrystalFill-v1',
    count: 2,
    options: { sites: 'file', ...options },
  })
  await peer.result('reset', { handle, seed: 1, options: { crystal: LIF } })
  await peer.result('step', { handle, actions: [O, Na] })
  return handle
}

describe.each(['json', 'msgpack'] as Encoding[])('in the %s subprotocol', (encoding) => {
  let peer: Peer
  beforeEach(async () => {
    peer = await Peer.greet(url, encoding)
  })

  test('a step whose reward must be calculated is accepted, tells its progress, and is answered once', async () => {
    const handle = await almostDone(peer, { reward: { target: 1 } })
    const step = peer.result('step', { handle, actions: O })
    await peer.notice(isAccepted)
    await evaluator.report('O O', 3, 0.25)
    await peer.notice((notice): notice is Notice => isProgress(notice) && 'iteration' in notice.progress)
    await evaluator.finish('O O', evaluated(-100, 1))
    const { reward, terminated, info } = await step
    expect({ reward, terminated }).toEqual({ reward: 2 + 5, terminated: true })
    expect(info.outcome).toMatchObject({ source: 'test', band_gap_ev: 1, evaluation: null, failure: null })
    expect(peer.notices.filter(isAccepted)).toHaveLength(1)
    expect(progressOf(peer).at(-1)).toEqual({
      state: 'running',
      iteration: 3,
      estimated_accuracy_ry: 0.25,
      elapsed_seconds: expect.any(Number),
    })
  })

  test('a reward that is known is answered at once, without being accepted first', async () => {
    const first = await almostDone(peer)
    const step = peer.result('step', { handle: first, actions: O })
    await evaluator.finish('O O')
    await step
    peer.notices.length = 0
    const second = await almostDone(peer)
    expect((await peer.result('step', { handle: second, actions: O })).reward).toBe(1)
    expect(peer.notices).toEqual([])
  })

  test('those that wait for a slot hear their place in the queue', async () => {
    const handles = [await almostDone(peer), await almostDone(peer), await almostDone(peer)]
    const steps = [H, Na, Cl].map((actions, i) => peer.result('step', { handle: handles[i], actions }))
    await peer.notice(
      (notice): notice is Notice =>
        isProgress(notice) && notice.progress.state === 'queued' && notice.progress.place === 1,
    )
    for (const name of ['O H', 'O Na', 'O Cl']) await evaluator.finish(name)
    await Promise.all(steps)
  })

  test('a failed evaluation is told with its class, and gets the failure reward', async () => {
    const handle = await almostDone(peer, { reward: { failure: -3 } })
    const step = peer.result('step', { handle, actions: O })
    await evaluator.finish('O O', failed('time_limit'))
    expect(await step).toMatchObject({ reward: -3, info: { outcome: { failure: { class: 'time_limit' } } } })
  })

  test('requests to a waiting environment wait in order; those to others, and other sessions, go on', async () => {
    const handle = await almostDone(peer, { autoreset: 'next_step' })
    const other = await almostDone(peer)
    const stranger = await Peer.greet(url, encoding)
    const order: string[] = []
    const told = <T>(name: string, answer: Promise<T>) => answer.then((result) => (order.push(name), result))
    const step = told('step', peer.result('step', { handle, actions: O }))
    const observed = told('observe', peer.result('observe', { handle }))
    const next = told('next step', peer.result('step', { handle, actions: 0 }))
    await told('ping', peer.result('ping', {}))
    await told('other', peer.result('observe', { handle: other }))
    await told('stranger', stranger.result('ping', {}))
    await evaluator.finish('O O')
    await Promise.all([step, observed, next])
    expect(order).toEqual(['ping', 'other', 'stranger', 'step', 'observe', 'next step'])
    expect((await observed).observation.step).toBe(2)
    expect((await next).observation.step).toBe(0)
    expect(peer.notices.filter(isAccepted)).toHaveLength(3)
  })

  test('a vector waits for all of its rewards, and says of each how far it is', async () => {
    const handle = await almostDoneVector(peer, { autoreset: 'same_step' })
    const step = peer.result('step', { handle, actions: [O, Na] })
    await evaluator.finish('O O', evaluated(-10, 0))
    await peer.notice((notice): notice is Notice => isProgress(notice) && notice.progress.state === 'done')
    expect(progressOf(peer).filter(({ state }) => state === 'done')).toEqual([{ env: 0, state: 'done' }])
    await evaluator.finish('Na Na', failed('not_converged'))
    const { reward, info } = await step
    expect([...fromNdArray(reward as NdArray)]).toEqual([1, -1])
    expect(info.outcomes).toMatchObject({ failures: [{ class: 'not_converged' }] })
    expect([...fromNdArray(info.outcomes!.failure)]).toEqual([-1, 0])
    expect([...fromNdArray(info.outcomes!.evaluation)]).toEqual([0, 0])
    expect([...fromNdArray(info.episodes!.env)]).toEqual([0, 1])
  })

  test('a cancelled step fails as cancelled, changes nothing, and can be taken again', async () => {
    const handle = await almostDoneVector(peer)
    const step = peer.request('step', { handle, actions: [O, Cl] })
    const { id } = await peer.notice(isAccepted)
    expect(await peer.result('cancel', { request: id })).toEqual({ cancelled: true })
    expect(await step).toMatchObject({ ok: false, error: { code: 'cancelled', retryable: false } })
    expect([...evaluator.withdrawn].sort()).toEqual(['Na Cl', 'O O'])
    const { observation } = await peer.result('observe', { handle })
    expect([...fromNdArray(observation.step as NdArray)]).toEqual([1, 1])
    const again = peer.result('step', { handle, actions: [O, Na] })
    await evaluator.finish('O O')
    await evaluator.finish('Na Na')
    expect([...fromNdArray((await again).reward as NdArray)]).toEqual([1, 1])
    expect(await peer.result('cancel', { request: id })).toEqual({ cancelled: false })
  })

  test('a request cancelled before its turn fails at once, and never takes place', async () => {
    const handle = await almostDone(peer, { autoreset: 'next_step' })
    const step = peer.result('step', { handle, actions: O })
    const next = peer.request('step', { handle, actions: 0 })
    const observed = peer.result('observe', { handle })
    const accepted = () => peer.notices.filter(isAccepted)
    await peer.notice(isAnything(() => accepted().length === 3))
    await peer.result('cancel', { request: accepted()[1].id })
    expect(await next).toMatchObject({ ok: false, error: { code: 'cancelled' } })
    await evaluator.finish('O O')
    await step
    expect((await observed).observation.step).toBe(2)
  })

  test('closing a handle cancels what waits in it', async () => {
    const handle = await almostDone(peer)
    const step = peer.request('step', { handle, actions: O })
    const observed = peer.request('observe', { handle })
    await peer.notice(isAccepted)
    await peer.result('close', { handle })
    for (const answer of [await step, await observed]) {
      expect(answer).toMatchObject({ ok: false, error: { code: 'cancelled' } })
    }
    expect(evaluator.withdrawn).toEqual(['O O'])
    expect((await peer.error('observe', { handle })).code).toBe('unknown_handle')
  })

  test('where the machine is at fault the step fails, says why, changes nothing, and can be taken again', async () => {
    const handle = await almostDone(peer)
    const step = peer.request('step', { handle, actions: O })
    await evaluator.finish('O O', new DftError('pw_missing', 'pw.x cannot be started (install it)'))
    expect(await step).toMatchObject({
      ok: false,
      error: { code: 'evaluation_unavailable', retryable: true, details: { reason: 'pw_missing' } },
    })
    const again = peer.result('step', { handle, actions: O })
    await evaluator.finish('O O')
    expect((await again).terminated).toBe(true)
  })

  test('a step survives the loss of its connection: the calculation goes on, and the answer is given once', async () => {
    const first = await Peer.open(url, encoding)
    const greeting = await first.result('hello', { protocol: '1.0', client: 'test' })
    const handle = await almostDone(first)
    const frame = first.encode({ id: 'slow', op: 'step', handle, actions: O })
    first.socket.send(frame)
    await first.notice(isAccepted)
    await first.cut()
    const second = await Peer.open(url, encoding)
    await second.result('hello', { protocol: '1.0', client: 'test', resume: greeting.resume })
    second.socket.send(frame)
    await second.notice(isAccepted)
    await second.cut()
    await evaluator.finish('O O')
    const third = await Peer.open(url, encoding)
    await third.result('hello', { protocol: '1.0', client: 'test', resume: greeting.resume })
    expect(await third.sendFrame(frame)).toMatchObject({ id: 'slow', ok: true, result: { terminated: true } })
    const next = third.encode({ id: 'next', op: 'step', handle, actions: O })
    expect(await third.sendFrame(next)).toMatchObject({ error: { code: 'episode_over' } })
    expect(evaluator.started).toEqual(['O O'])
  })

  test('an id that waits cannot be used for another request', async () => {
    const handle = await almostDone(peer)
    peer.socket.send(peer.encode({ id: 'slow', op: 'step', handle, actions: O }))
    await peer.notice(isAccepted)
    const refusal = await peer.sendFrame(peer.encode({ id: 'slow', op: 'ping' }))
    expect(refusal).toMatchObject({ id: 'slow', ok: false, error: { code: 'duplicate_id' } })
    await evaluator.finish('O O')
    expect(await peer.next()).toMatchObject({ id: 'slow', ok: true, result: { terminated: true } })
  })

  test('the end of the session withdraws its calculations', async () => {
    const handle = await almostDone(peer)
    void peer.request('step', { handle, actions: O })
    await peer.notice(isAccepted)
    await peer.result('close', {})
    await peer.closed
    await evaluator.until(() => evaluator.withdrawn.length === 1)
  })
})

test('a session that is not resumed in time withdraws its calculations', async () => {
  const { url } = await startServer({ rewards: evaluator.source, limits: { session_grace_seconds: 0.02 } })
  const peer = await Peer.greet(url, 'json')
  const handle = await almostDone(peer)
  void peer.request('step', { handle, actions: O })
  await peer.notice(isAccepted)
  await peer.cut()
  await evaluator.until(() => evaluator.withdrawn.length === 1)
  expect(evaluator.scheduler.load.queued).toBe(0)
})

test('more waiting requests than requests_in_flight are refused, and may be cancelled', async () => {
  const { url } = await startServer({ rewards: evaluator.source, limits: { requests_in_flight: 2 } })
  const peer = await Peer.greet(url, 'json')
  const handles = [await almostDone(peer), await almostDone(peer), await almostDone(peer)]
  const steps = handles.slice(0, 2).map((handle) => peer.request('step', { handle, actions: O }))
  await peer.notice(isAnything(() => peer.notices.filter(isAccepted).length === 2))
  expect(await peer.error('step', { handle: handles[2], actions: O })).toMatchObject({
    code: 'too_many_requests',
    retryable: true,
  })
  await peer.result('ping', {})
  for (const { id } of peer.notices.filter(isAccepted)) await peer.result('cancel', { request: id })
  for (const answer of await Promise.all(steps)) expect(answer).toMatchObject({ error: { code: 'cancelled' } })
  expect(evaluator.started).toEqual(['O O'])
})

test('a step that needs more evaluations than evaluations_in_flight is refused, and changes nothing', async () => {
  const { url } = await startServer({ rewards: evaluator.source, limits: { evaluations_in_flight: 1 } })
  const peer = await Peer.greet(url, 'json')
  for (const rewards of ['wait', 'defer']) {
    const handle = await almostDoneVector(peer, { rewards })
    expect(await peer.error('step', { handle, actions: [O, Na] })).toMatchObject({
      code: 'too_many_evaluations',
      retryable: true,
    })
    const { observation } = await peer.result('observe', { handle })
    expect([...fromNdArray(observation.step as NdArray)]).toEqual([1, 1])
  }
  expect(evaluator.started).toEqual([])
})
