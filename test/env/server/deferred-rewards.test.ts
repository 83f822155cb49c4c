import { elementIndex } from '@unitcell/datasets'
import { DftError } from '@unitcell/env'
import { fromNdArray, type Encoding, type NdArray } from '@unitcell/protocol'
import { beforeEach, describe, expect, test } from 'vitest'
import { evaluated, failed, SlowEvaluator } from './slow-evaluator.js'
import { Peer, startServer } from './wire.js'

const LIF = 'reference-lif-rocksalt'
const [O, Na] = ['O', 'Na'].map((symbol) => elementIndex(symbol)!)

let evaluator: SlowEvaluator
let url: string
beforeEach(async () => {
  evaluator = new SlowEvaluator(2)
  ;({ url } = await startServer({ rewards: evaluator.source }))
})

async function make(peer: Peer, fields: object = {}, options: object = {}): Promise<number> {
  const { handle } = await peer.result('make', {
    environment: 'CrystalFill-v1',
    options: { sites: 'file', rewards: 'defer', ...options },
    ...fields,
  })
  await peer.result('reset', { handle, seed: 1, options: { crystal: LIF } })
  return handle
}

/** Ends an episode whose reward is deferred; the number of the evaluation. */
async function finishEpisode(peer: Peer, handle: number): Promise<number> {
  await peer.result('step', { handle, actions: O })
  return (await peer.result('step', { handle, actions: O })).info.outcome!.evaluation!
}

describe.each(['json', 'msgpack'] as Encoding[])('in the %s subprotocol', (encoding) => {
  let peer: Peer
  beforeEach(async () => {
    peer = await Peer.greet(url, encoding)
  })

  test('the last step is answered at once without a reward, and an event brings it', async () => {
    const handle = await make(peer, {}, { reward: { target: 1 } })
    await peer.result('step', { handle, actions: O })
    const { reward, terminated, info } = await peer.result('step', { handle, actions: O })
    expect({ reward, terminated }).toEqual({ reward: null, terminated: true })
    expect(info.outcome).toMatchObject({ evaluation: 1, source: null, failure: null, band_gap_ev: null, crystal: LIF })
    await evaluator.finish('O O', evaluated(-100, 1))
    const event = await peer.event(1)
    expect(event).toMatchObject({ event: 'evaluation', evaluation: 1, handle, env: null, reward: 7, error: null })
    expect(event.outcome).toMatchObject({ source: 'test', total_energy_ry: -100, evaluation: null, crystal: LIF })
    expect([...fromNdArray(event.outcome!.elements)]).toEqual([O, O])
  })

  test('a reward that is known is not deferred', async () => {
    const handle = await make(peer)
    const evaluation = await finishEpisode(peer, handle)
    await evaluator.finish('O O')
    await peer.event(evaluation)
    await peer.result('reset', { handle, options: { crystal: LIF } })
    await peer.result('step', { handle, actions: O })
    expect(await peer.result('step', { handle, actions: O })).toMatchObject({
      reward: 1,
      info: { outcome: { evaluation: null, source: 'test' } },
    })
  })

  test.each(['disabled', 'next_step', 'same_step'] as const)(
    '%s: a vector goes on, and each event says whose reward it is, even when other episodes run there',
    async (autoreset) => {
      const handle = await make(peer, { count: 2 }, { autoreset, select: 'sequential' })
      await peer.result('step', { handle, actions: [O, Na] })
      const { reward, info } = await peer.result('step', { handle, actions: [O, Na] })
      expect([...fromNdArray(reward as NdArray)]).toEqual([NaN, NaN])
      expect([...fromNdArray(info.outcomes!.evaluation)]).toEqual([1, 2])
      if (autoreset === 'disabled') await peer.result('reset', { handle, options: { crystal: LIF } })
      else await peer.result('step', { handle, actions: [Na, O] })
      await evaluator.finish('Na Na', failed('time_limit'))
      await evaluator.finish('O O', evaluated(-10, 0))
      const [first, second] = [await peer.event(1), await peer.event(2)]
      expect(first).toMatchObject({ handle, env: 0, reward: 1, outcome: { failure: null } })
      expect(second).toMatchObject({ handle, env: 1, reward: -1, outcome: { failure: { class: 'time_limit' } } })
      expect([...fromNdArray(second.outcome!.elements)]).toEqual([Na, Na])
    },
  )

  test('an evaluation says how it stands: queued, running, done', async () => {
    const [first, second, third] = await Promise.all([make(peer), make(peer), make(peer)])
    for (const handle of [first, second]) await finishEpisode(peer, handle)
    await peer.result('step', { handle: third, actions: Na })
    await peer.result('step', { handle: third, actions: Na })
    expect(await peer.result('evaluation', { evaluation: 3 })).toMatchObject({ evaluation: 3, state: 'running' })
    await evaluator.report('O O', 4, 1e-3)
    for (const evaluation of [1, 2]) {
      expect(await peer.result('evaluation', { evaluation })).toEqual({
        evaluation,
        state: 'running',
        iteration: 4,
        estimated_accuracy_ry: 1e-3,
        elapsed_seconds: expect.any(Number),
      })
    }
    const fourth = await make(peer)
    await peer.result('step', { handle: fourth, actions: O })
    await peer.result('step', { handle: fourth, actions: Na })
    expect(await peer.result('evaluation', { evaluation: 4 })).toEqual({ evaluation: 4, state: 'queued', place: 1 })
    await evaluator.finish('O O')
    expect({ event: 'evaluation', ...(await peer.result('evaluation', { evaluation: 1 })) }).toEqual({
      state: 'done',
      ...(await peer.event(1)),
    })
  })

  test('a cancelled evaluation is withdrawn, and its event says so', async () => {
    const handle = await make(peer)
    const evaluation = await finishEpisode(peer, handle)
    expect(await peer.result('cancel', { evaluation })).toEqual({ cancelled: true })
    expect(await peer.event(evaluation)).toMatchObject({ reward: null, outcome: null, error: { code: 'cancelled' } })
    expect(evaluator.withdrawn).toEqual(['O O'])
    expect(await peer.result('cancel', { evaluation })).toEqual({ cancelled: false })
    expect(await peer.result('evaluation', { evaluation })).toMatchObject({
      state: 'done',
      error: { code: 'cancelled' },
    })
  })

  test('where the machine is at fault the event says so', async () => {
    const evaluation = await finishEpisode(peer, await make(peer))
    await evaluator.finish('O O', new DftError('work_folder_unwritable', 'the disk is full (free some)'))
    expect(await peer.event(evaluation)).toMatchObject({
      reward: null,
      error: { code: 'evaluation_unavailable', details: { reason: 'work_folder_unwritable' } },
    })
  })

  test('an evaluation that the session never made is unknown', async () => {
    expect((await peer.error('evaluation', { evaluation: 7 })).code).toBe('unknown_evaluation')
    expect((await peer.error('cancel', { evaluation: 7 })).code).toBe('unknown_evaluation')
    expect((await peer.error('evaluation', { evaluation: 0 })).code).toBe('invalid_message')
  })

  test('cancel takes one of request and evaluation', async () => {
    for (const fields of [{}, { request: 1, evaluation: 1 }]) {
      expect((await peer.error('cancel', fields)).code).toBe('invalid_message')
    }
    expect(await peer.result('cancel', { request: 'never sent' })).toEqual({ cancelled: false })
  })

  test('an event that comes while there is no connection is told when the session is resumed', async () => {
    const first = await Peer.open(url, encoding)
    const { resume } = await first.result('hello', { protocol: '1.0', client: 'test' })
    const evaluation = await finishEpisode(first, await make(first))
    await first.cut()
    await evaluator.finish('O O', evaluated(-10, 0))
    await new Promise((resolve) => setTimeout(resolve, 20))
    const second = await Peer.open(url, encoding)
    await second.result('hello', { protocol: '1.0', client: 'test', resume })
    expect(await second.event(evaluation)).toMatchObject({ reward: 1 })
  })

  test('a closed handle keeps its deferred rewards; the end of the session withdraws them', async () => {
    const handle = await make(peer)
    const evaluation = await finishEpisode(peer, handle)
    await peer.result('close', { handle })
    expect(await peer.result('evaluation', { evaluation })).toMatchObject({ state: 'running' })
    await peer.result('close', {})
    await evaluator.until(() => evaluator.withdrawn.length === 1)
  })
})

test('a session forgets the oldest evaluations beyond evaluations_kept', async () => {
  const { url } = await startServer({ rewards: evaluator.source, limits: { evaluations_kept: 1 } })
  const peer = await Peer.greet(url)
  for (const name of ['O O', 'Na O']) {
    const handle = await make(peer)
    await peer.result('step', { handle, actions: name === 'O O' ? O : Na })
    await peer.result('step', { handle, actions: O })
    await evaluator.finish(name)
  }
  await peer.event(2)
  expect((await peer.error('evaluation', { evaluation: 1 })).code).toBe('unknown_evaluation')
  expect(await peer.result('evaluation', { evaluation: 2 })).toMatchObject({ state: 'done' })
})
