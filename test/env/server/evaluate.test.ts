import { fromNdArray, type Encoding, type Params } from '@unitcell/protocol'
import { beforeEach, describe, expect, test } from 'vitest'
import { evaluated, failed, SlowEvaluator } from './slow-evaluator.js'
import { Peer, startServer, type Notice } from './wire.js'

const cube = (...species: string[]): Params<'evaluate'>['structure'] => ({
  lattice: [
    [4, 0, 0],
    [0, 4, 0],
    [0, 0, 4],
  ],
  frac_coords: species.map((_, i) => [i / species.length, 0, 0]),
  species,
})

let evaluator: SlowEvaluator
let url: string
beforeEach(async () => {
  evaluator = new SlowEvaluator(1)
  ;({ url } = await startServer({ rewards: evaluator.source }))
})

const isAccepted = (notice: Notice): notice is Extract<Notice, { accepted: true }> => 'accepted' in notice

describe.each(['json', 'msgpack'] as Encoding[])('in the %s subprotocol', (encoding) => {
  let peer: Peer
  beforeEach(async () => {
    peer = await Peer.greet(url, encoding)
  })

  test('a crystal that must be calculated is accepted first; known, it is answered at once', async () => {
    const answer = peer.result('evaluate', { structure: cube('Mg', 'O') })
    await peer.notice(isAccepted)
    await evaluator.finish('Mg O', evaluated(-75.5, 4.6))
    const result = {
      status: 'evaluated',
      failure: null,
      source: 'test',
      total_energy_ry: -75.5,
      band_gap_ev: 4.6,
      signed_gap_ev: null,
      formation_energy_ev_per_atom: null,
    }
    expect(await answer).toEqual(result)
    peer.notices.length = 0
    expect(await peer.result('evaluate', { structure: cube('Mg', 'O') })).toEqual(result)
    expect(peer.notices).toEqual([])
  })

  test('a failed evaluation is a result', async () => {
    const answer = peer.result('evaluate', { structure: cube('Mg', 'O') })
    await evaluator.finish('Mg O', failed('not_converged'))
    expect(await answer).toMatchObject({
      status: 'failed',
      failure: { class: 'not_converged' },
      total_energy_ry: null,
    })
  })

  test('interactive evaluations go before bulk ones', async () => {
    const running = peer.result('evaluate', { structure: cube('H') })
    const bulk = peer.result('evaluate', { structure: cube('He'), priority: 'bulk' })
    const interactive = peer.result('evaluate', { structure: cube('Li') })
    for (const name of ['H', 'Li', 'He']) await evaluator.finish(name)
    await Promise.all([running, bulk, interactive])
    expect(evaluator.started).toEqual(['H', 'Li', 'He'])
  })

  test('two sessions that ask for the same crystal share one calculation, until nobody waits for it', async () => {
    const other = await Peer.greet(url, encoding)
    const [mine, theirs] = [peer, other].map((peer) => peer.request('evaluate', { structure: cube('Mg', 'O') }))
    for (const one of [peer, other]) await one.notice(isAccepted)
    await peer.result('cancel', { request: (await peer.notice(isAccepted)).id })
    expect(await mine).toMatchObject({ ok: false, error: { code: 'cancelled' } })
    expect(evaluator.withdrawn).toEqual([])
    await evaluator.finish('Mg O')
    expect(await theirs).toMatchObject({ ok: true, result: { status: 'evaluated' } })
    expect(evaluator.started).toEqual(['Mg O'])
  })

  test.each([
    ['a species that is no element', { ...cube('Mg', 'Xx') }, 'invalid_structure'],
    ['more species than positions', { ...cube('Mg'), species: ['Mg', 'O'] }, 'invalid_structure'],
    ['atoms in the same place', { ...cube('Mg', 'O'), frac_coords: [[0, 0, 0], [1, 0, 0]] }, 'invalid_structure'], // prettier-ignore
    ['a cell without volume', { ...cube('Mg'), lattice: [[4, 0, 0], [4, 0, 0], [0, 0, 4]] }, 'invalid_structure'], // prettier-ignore
    ['no species', { ...cube('Mg'), species: undefined }, 'invalid_message'],
    ['an unknown field', { ...cube('Mg'), charge: 1 }, 'invalid_message'],
  ])('%s is refused', async (_, structure, code) => {
    expect((await peer.error('evaluate', { structure })).code).toBe(code)
    expect(evaluator.started).toEqual([])
  })

  test('an unknown data set or priority is refused', async () => {
    const structure = cube('Mg')
    expect((await peer.error('evaluate', { structure, dataset: 'mp' })).code).toBe('unknown_dataset')
    expect((await peer.error('evaluate', { structure, priority: 'high' })).code).toBe('invalid_message')
  })
})

test('without anything that calculates, recorded labels answer, and the rest is unlabelled', async () => {
  const { url } = await startServer()
  const peer = await Peer.greet(url)
  const { handle } = await peer.result('make', { environment: 'CrystalFill-v1', options: { sites: 'file' } })
  const { observation } = await peer.result('reset', { handle, options: { crystal: 'reference-lif-rocksalt' } })
  const triples = (values: ArrayLike<number>) =>
    Array.from({ length: values.length / 3 }, (_, i) => Array.from(values).slice(3 * i, 3 * i + 3)) as [
      number,
      number,
      number,
    ][]
  const structure = {
    lattice: triples(fromNdArray(observation.graph!.lattice)) as Params<'evaluate'>['structure']['lattice'],
    frac_coords: triples(fromNdArray(observation.graph!.frac_coords)),
  }
  for (const species of [
    ['Li', 'F'],
    ['F', 'Li'],
  ]) {
    expect(await peer.result('evaluate', { structure: { ...structure, species } })).toMatchObject({
      status: 'evaluated',
      source: 'recorded',
      total_energy_ry: expect.closeTo(-63.3479, 4),
    })
  }
  expect(await peer.result('evaluate', { structure: { ...structure, species: ['Li', 'O'] } })).toMatchObject({
    status: 'failed',
    failure: { class: 'unlabelled' },
  })
})
