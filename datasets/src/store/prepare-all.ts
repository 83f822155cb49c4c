import { availableParallelism } from 'node:os'
import { setImmediate } from 'node:timers/promises'
import type { Crystal } from '../crystal/structure.js'
import type { PrepareBatch, PrepareOutcome } from './prepare-batch.js'
import { prepareBatch } from './prepare-batch.js'
import type { PrepareOptions } from './prepare.js'
import { WorkerPool } from './worker-pool.js'

export interface PrepareAllOptions extends PrepareOptions {
  /** Threads; default: one per core. One, or few crystals, are computed in the calling thread. */
  readonly threads?: number
  /** Whether `crystal.spaceGroup` is trusted where it is not null. */
  readonly trustSpaceGroup: boolean
  /** Stops the work: the iteration ends with the signal's reason. */
  readonly signal?: AbortSignal
}

const batchSize = 32
/** Work too small to be worth starting threads for (0.1 s each). */
const inProcessBelow = 256

/**
 * Computes cell, graph and symmetry of crystals in several threads; yields an outcome each, in their order.
 *
 * @throws {DataSetError} `worker_failed`
 */
export async function* prepareAll(
  crystals: readonly Crystal[],
  { threads = availableParallelism(), trustSpaceGroup, signal, cell, skeletonSymmetry }: PrepareAllOptions,
): AsyncGenerator<PrepareOutcome> {
  const batches: PrepareBatch[] = []
  for (let begin = 0; begin < crystals.length; begin += batchSize) {
    const items = crystals.slice(begin, begin + batchSize).map(({ structure, spaceGroup }) => ({
      structure,
      spaceGroup: trustSpaceGroup ? spaceGroup : null,
    }))
    batches.push({ items, options: { cell, skeletonSymmetry } })
  }
  if (threads <= 1 || crystals.length < inProcessBelow) {
    for (const batch of batches) {
      yield* prepareBatch(batch)
      // Lets signals and progress bars have their turn.
      await setImmediate()
      signal?.throwIfAborted()
    }
    return
  }
  const pool = new WorkerPool<PrepareBatch, PrepareOutcome[]>(
    new URL('./prepare-worker.js', import.meta.url),
    Math.min(threads, batches.length),
  )
  const stop = () => void pool.close()
  signal?.addEventListener('abort', stop)
  try {
    const results = batches.map((batch) => pool.run(batch))
    // A rejection is raised where its result is awaited, not before.
    for (const result of results) result.catch(() => {})
    for (const result of results) yield* await result
  } catch (error) {
    signal?.throwIfAborted()
    throw error
  } finally {
    signal?.removeEventListener('abort', stop)
    await pool.close()
  }
}
