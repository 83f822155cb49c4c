import { elementIndex } from '@unitcell/datasets'
import { CalculatedRewards, DftRunner, LocalLauncher, PseudopotentialSet, type RunHandle } from '@unitcell/env'
import { connect, fromNdArray, type Params } from '@unitcell/protocol'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { canRun, fcc, needsRun, runsLeft, temporaryFolder } from '../dft/fixtures.js'
import { fewPseudopotentials } from './dft-server.js'
import { Peer, startServer } from './wire.js'

const LIF = 'reference-lif-rocksalt'
// No crystal of two of them on that skeleton is among the built-in labels.
const ELEMENTS = ['H', 'He', 'Li', 'Be', 'B', 'N', 'O', 'Na', 'Mg']

/** The launcher of the server, which counts. */
class CountingLauncher extends LocalLauncher {
  runs = 0

  override start(...args: Parameters<LocalLauncher['start']>): Promise<RunHandle> {
    this.runs++
    return super.start(...args)
  }
}

const rocksalt = (...species: string[]): Params<'evaluate'>['structure'] => ({
  lattice: fcc(4.027) as Params<'evaluate'>['structure']['lattice'],
  frac_coords: [
    [0, 0, 0],
    [0.5, 0.5, 0.5],
  ],
  species,
})

// Half a minute of two cores in all; much longer beside other work.
describe.runIf(canRun)(`with the real pw.x behind it, the server${needsRun}`, { timeout: 600_000 }, () => {
  const folder = canRun ? temporaryFolder() : ''
  const opened: CalculatedRewards[] = []
  let pseudopotentials: PseudopotentialSet

  beforeAll(async () => {
    pseudopotentials = await PseudopotentialSet.load({ kind: 'upf', folder: fewPseudopotentials(folder, ELEMENTS) })
  })
  afterAll(async () => {
    for (const rewards of opened) await rewards.stop()
    expect(runsLeft(`${folder}/work`)).toEqual([])
  })

  async function serve(timeLimitSeconds = 720) {
    const launcher = new CountingLauncher()
    const runner = await DftRunner.create({ pseudopotentials, launcher, workFolder: `${folder}/work` })
    const cache = `${folder}/cache-${opened.length}`
    const rewards = await CalculatedRewards.open(runner, { profile: 'fast', cache, slots: 2, timeLimitSeconds })
    opened.push(rewards)
    return { launcher, server: await startServer({ rewards }) }
  }

  test('starts 20 runs for 1,000 concurrent episodes that end in 20 distinct crystals, for all of its sessions', async () => {
    const { launcher, server } = await serve()
    const cations = ['Li', 'Na', 'Be', 'Mg']
    const anions = ['B', 'O', 'H', 'He', 'N']
    const [sessions, count] = [4, 250]
    const clients = await Promise.all(Array.from({ length: sessions }, () => connect(server.url)))
    const rewards = await Promise.all(
      clients.map(async (client, session) => {
        const env = await client.makeVector('CrystalFill-v1', count, { autoreset: 'disabled' })
        await env.reset({ seed: 1000 * session, options: { crystal: LIF } })
        // Which of the two equal sites is filled first depends on the seed: the crystals are the same.
        const pick = (symbols: readonly string[], by: number) =>
          Int32Array.from({ length: count }, (_, i) => elementIndex(symbols[Math.floor(i / by) % symbols.length])!)
        await env.step(pick(cations, 1))
        const { rewards, info } = await env.step(pick(anions, 4))
        expect([...fromNdArray(info.outcomes!.failure)]).toEqual(Array.from({ length: count }, () => -1))
        return rewards
      }),
    )
    expect(launcher.runs).toBe(20)
    for (const one of rewards) expect(one).toEqual(rewards[0])
    expect(new Set(rewards[0]).size).toBe(20)
    await Promise.all(clients.map((client) => client.close()))
  })

  test('tells an agent why a crystal has no evaluation, and runs odd numbers of electrons with spin', async () => {
    const { launcher, server } = await serve()
    const client = await connect(server.url)
    const outcome = async (first: string, second: string, structure?: Params<'evaluate'>['structure']) => {
      const env = await client.make('CrystalFill-v1', { sites: 'file' })
      await env.reset({ seed: 1, options: structure === undefined ? { crystal: LIF } : { structure } })
      await env.step(elementIndex(first)!)
      const { reward, info } = await env.step(elementIndex(second)!)
      return { reward, ...info.outcome! }
    }
    expect(await outcome('Li', 'O')).toMatchObject({ failure: null, source: 'quantum-espresso', reward: expect.closeTo(1.7487, 3) }) // prettier-ignore
    expect(await outcome('Li', 'U')).toMatchObject({ reward: -1, failure: { class: 'missing_pseudopotential' } })
    const close = { ...rocksalt('Li', 'O'), frac_coords: [[0, 0, 0], [0.1, 0.1, -0.1]] as [number, number, number][] } // prettier-ignore
    expect(await outcome('Li', 'O', close)).toMatchObject({ reward: -1, failure: { class: 'atoms_too_close' } })
    expect(launcher.runs).toBe(1)
    await client.close()
  })

  test('tells of the time limit, and does not keep it', async () => {
    const { launcher, server } = await serve(0.2)
    const peer = await Peer.greet(server.url)
    for (const runs of [1, 2]) {
      expect(await peer.result('evaluate', { structure: rocksalt('Mg', 'O') })).toMatchObject({
        status: 'failed',
        failure: { class: 'time_limit' },
        source: 'quantum-espresso',
      })
      expect(launcher.runs).toBe(runs)
    }
  })

  test('evaluates a crystal of a client once, and has it at once however it is described', async () => {
    const { launcher, server } = await serve()
    const peer = await Peer.greet(server.url)
    const label = { status: 'evaluated', total_energy_ry: expect.closeTo(-75.45256, 4), band_gap_ev: expect.closeTo(6.106, 2) } // prettier-ignore
    const first = await peer.result('evaluate', { structure: rocksalt('Mg', 'O') })
    expect(first).toMatchObject({ ...label, source: 'quantum-espresso', signed_gap_ev: first.band_gap_ev })
    peer.notices.length = 0
    for (const species of [
      ['Mg', 'O'],
      ['O', 'Mg'],
    ]) {
      expect(await peer.result('evaluate', { structure: rocksalt(...species) })).toMatchObject({ ...label, source: 'cache' }) // prettier-ignore
    }
    expect(peer.notices).toEqual([])
    expect(launcher.runs).toBe(1)
  })
})
