import type { Evaluation, Evaluator } from '@unitcell/env'
import { connect } from '@unitcell/protocol'
import { createAgent } from '@unitcell/random'
import { play } from '@unitcell/training'
import { expect, test } from 'vitest'
import { startServer } from '../env/server/wire.js'

/** Calculates everything, each crystal in a moment. */
class EverythingIsCalculated implements Evaluator {
  calculated = 0

  lookup(): Evaluation | null {
    return null
  }

  async request(...[, , { onProgress }]: Parameters<Evaluator['request']>): Promise<Evaluation> {
    onProgress?.({ state: 'running', iteration: 1, estimatedAccuracyRy: 0.1, elapsedSeconds: 0 })
    const totalEnergyRy = -(10 ** ++this.calculated)
    await new Promise((resolve) => setTimeout(resolve, 5))
    const labels = { totalEnergyRy, bandGapEv: 1, formationEnergyEvPerAtom: null }
    return { status: 'evaluated', source: 'test', labels }
  }
}

test.each(['wait', 'defer'] as const)(
  '%s: an agent is played with rewards that are calculated, each crystal once, and none that was not asked for',
  async (rewards) => {
    const evaluator = new EverythingIsCalculated()
    const { url } = await startServer({
      rewards: { evaluatorOf: () => evaluator, calculations: null },
      limits: { evaluations_in_flight: 4, progress_seconds: 0.001 },
    })
    const client = await connect(url)
    const notes = new Set<string>()
    const crystals = await play(client, createAgent({ seed: 1 }), {
      seed: 1,
      episodes: 12,
      batch: 4,
      environment: { split: 'val', rewards },
      onProgress: (_done, _total, awaited) => notes.add(awaited),
    })
    await client.close()
    expect(evaluator.calculated).toBe(12)
    expect(crystals.map(({ reward }) => Math.round(reward)).sort((a, b) => a - b)).toEqual(
      Array.from({ length: 12 }, (_, i) => i + 1),
    )
    for (const crystal of crystals) expect(crystal).toMatchObject({ failure: null, band_gap_ev: 1 })
    const expected = rewards === 'wait' ? /^calculating \d+ rewards/ : /^\d+ rewards awaited/
    expect([...notes].some((note) => expected.test(note))).toBe(true)
  },
)
