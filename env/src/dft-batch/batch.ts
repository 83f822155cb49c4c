import type { Crystal } from '@unitcell/datasets'
import type { DftRunner } from '../dft/index.js'
import { dftRecord, type DftRecord } from './record.js'
import type { KeptResults } from './kept-results.js'

export interface BatchOptions {
  /** How many runs at a time. */
  readonly slots: number
  readonly timeLimitSeconds: number
  /** Stops the batch: running calculations are ended, and have no result. */
  readonly signal: AbortSignal
  readonly kept?: KeptResults | undefined
  /** Awaited before the slot takes its next crystal. */
  readonly onResult: (record: DftRecord) => Promise<void>
}

/**
 * Computes crystals in their order, several at a time; the order of the results is that of their ends.
 *
 * @throws the reason of `signal`; what the runner throws, which is wrong with the machine and not with a crystal
 */
export async function runBatch(runner: DftRunner, crystals: readonly Crystal[], options: BatchOptions): Promise<void> {
  const { slots, timeLimitSeconds, kept, onResult } = options
  // The first error ends the other slots too, so that nothing is left running when this throws.
  const failed = new AbortController()
  const signal = AbortSignal.any([options.signal, failed.signal])
  const queue = crystals.values()
  const slot = async () => {
    for (const { id, structure } of queue) {
      signal.throwIfAborted()
      const known = kept?.find(structure)
      if (known) {
        await onResult({ ...known, id })
        continue
      }
      const result = await runner.run(structure, { timeLimitSeconds, signal, key: id })
      if (result.status === 'failed' && result.failure.code === 'cancelled') signal.throwIfAborted()
      await kept?.keep(structure, result)
      await onResult(dftRecord(id, structure, result))
    }
  }
  const ends = await Promise.allSettled(
    Array.from({ length: Math.min(slots, crystals.length) }, () =>
      slot().catch((error: unknown) => {
        failed.abort(error)
        throw error
      }),
    ),
  )
  options.signal.throwIfAborted()
  const first = ends.find((end) => end.status === 'rejected')
  if (first) throw failed.signal.reason
}
