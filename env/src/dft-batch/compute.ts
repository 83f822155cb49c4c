import { createProgress, interruptible, type Crystal } from '@unitcell/datasets'
import type { DftRunner } from '../dft/index.js'
import { runBatch } from './batch.js'
import type { KeptResults } from './kept-results.js'
import { knownResults } from './known-results.js'
import type { DftRecord } from './record.js'
import { ResultsFile } from './results-file.js'

export interface ComputeOptions {
  readonly slots: number
  readonly timeLimitSeconds: number
  /** Keeps the results, and has those of earlier. */
  readonly file?: string | undefined
  /** Of other times: crystals that have one there are not computed again. */
  readonly kept?: KeptResults | undefined
  /** Whether a result of the file is computed again. Default: never. */
  readonly tryAgain?: (record: DftRecord) => boolean
  /** Called for every result, the kept ones first, each when it is there. */
  readonly onRecord: (record: DftRecord) => void
  /** Of the progress display. */
  readonly label: string
}

/**
 * Computes crystals with a display of progress until all are done or Ctrl-C ends it; what is known by then is kept.
 *
 * @throws Interrupted; DftError
 */
export async function computeCrystals(
  runner: DftRunner,
  crystals: readonly Crystal[],
  options: ComputeOptions,
): Promise<void> {
  const { slots, timeLimitSeconds, file, kept, tryAgain = () => false, onRecord, label } = options
  const results = file === undefined ? null : await ResultsFile.open(file)
  try {
    const known = results ? knownResults(results, crystals, runner, tryAgain) : new Map<string, DftRecord>()
    for (const record of known.values()) onRecord(record)
    const left = crystals.filter(({ id }) => !known.has(id))
    if (left.length === 0) return
    const progress = createProgress({ label, total: left.length, unit: 'crystals', everySeconds: 10 })
    let done = 0
    try {
      await interruptible((signal) =>
        runBatch(runner, left, {
          slots,
          timeLimitSeconds,
          kept,
          signal,
          onResult: async (record) => {
            await results?.append(record)
            onRecord(record)
            progress.update(++done)
          },
        }),
      )
    } finally {
      progress.stop()
    }
  } finally {
    await results?.close()
  }
}
