import { connect, ConnectionError, type EvaluationResult, type Params } from '@unitcell/protocol'
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus'
import { uniformInt } from 'pure-rand/distribution/uniformInt'
import { expect, test } from 'vitest'
import { canRun, fcc, needsRun, processesBelow, runsLeft, temporaryFolder } from '../dft/fixtures.js'
import { fewPseudopotentials, ServerProcess } from './dft-server.js'

// UNITCELL_KILL_RUNS=50 is the long form; UNITCELL_KILL_SEED plays another order of events.
const runs = Number(process.env['UNITCELL_KILL_RUNS'] ?? 8)
const seed = Number(process.env['UNITCELL_KILL_SEED'] ?? 7)
const kills = Math.ceil(runs / 3)

/** LiF, stretched a little more each: crystals that cost half a second. */
const crystals = new Map<string, Params<'evaluate'>['structure']>(
  Array.from({ length: runs }, (_, i) => [
    `LiF ${i}`,
    {
      lattice: fcc(3.9 + (0.9 * i) / runs) as Params<'evaluate'>['structure']['lattice'],
      frac_coords: [
        [0, 0, 0],
        [0.5, 0.5, 0.5],
      ],
      species: ['Li', 'F'],
    },
  ]),
)

test.runIf(canRun)(
  `kill -9 of the server ${kills} times during ${runs} runs (seed ${seed}) loses no result that was reported and leaves nothing behind${needsRun}`,
  async () => {
    console.log(`kill -9: ${runs} runs, ${kills} kills, seed ${seed}`)
    const generator = xoroshiro128plus(seed)
    const folder = temporaryFolder()
    const [cache, work] = [`${folder}/cache`, `${folder}/work`]
    const options = ['--pseudo', fewPseudopotentials(folder, ['Li', 'F']), '--cache', cache, '--work-folder', work]
    const reported = new Map<string, EvaluationResult>()
    for (let killed = 0; reported.size < runs || killed < kills;) {
      const server = await ServerProcess.start([...options, '--dft-slots', '2'])
      // What the server before left is gone before this one takes requests.
      expect(processesBelow(work)).toEqual([])
      expect(runsLeft(work)).toEqual([])
      const client = await connect(server.url, { reconnectMs: 0 })
      for (const [name, known] of reported) {
        expect(await client.evaluate(crystals.get(name)!)).toEqual({ ...known, source: 'cache' })
      }
      // Killed after so many signs of life, each of which says that a run has gone on, begun or ended.
      let signs = killed < kills ? uniformInt(generator, 1, 12) : Infinity
      let death: Promise<void> | null = null
      const sign = () => {
        if (--signs <= 0) death ??= server.end('SIGKILL')
      }
      const left = [...crystals].filter(([name]) => !reported.has(name))
      const ends = await Promise.allSettled(
        left.map(async ([name, structure]) => {
          const result = await client.evaluate(structure, { onProgress: sign })
          reported.set(name, result)
          sign()
        }),
      )
      if (signs !== Infinity) {
        death ??= server.end('SIGKILL')
        killed++
        await death
      }
      for (const end of ends) if (end.status === 'rejected') expect(end.reason).toBeInstanceOf(ConnectionError)
      await client.close()
      if (signs === Infinity) await server.end('SIGTERM')
    }
    for (const result of reported.values()) expect(result).toMatchObject({ status: 'evaluated', failure: null })
    expect(processesBelow(work)).toEqual([])
    expect(runsLeft(work)).toEqual([])
  },
  600_000,
)
