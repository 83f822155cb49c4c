import type { KeptResults } from '../dft-batch/kept-results.js'
import { dftRecordSchema } from '../dft-batch/record.js'
import type { DftRunner } from '../dft/index.js'
import { cacheRecord } from '../rewards/cache-record.js'
import { filledCrystal } from '../rewards/crystal-identity.js'
import type { ResultStore } from '../rewards/result-store.js'

/** The cache of the server as the results that a batch has from other times. */
export function cachedResults(store: ResultStore, runner: DftRunner): KeptResults {
  return {
    find(structure) {
      const record = store.find(runner.identityFor(structure), filledCrystal(structure, structure.species))
      return record && dftRecordSchema.parse(record)
    },
    async keep(structure, result) {
      if (result.status === 'failed' && !result.failure.deterministic) return
      await store.put(cacheRecord(structure, result), runner.labelSet)
    },
  }
}
