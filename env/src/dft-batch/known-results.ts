import type { Crystal } from '@unitcell/datasets'
import { DftError, type DftRunner } from '../dft/index.js'
import type { DftRecord } from './record.js'
import type { ResultsFile } from './results-file.js'

/** @throws DftError `duplicate_id` */
export function checkIds(crystals: readonly Crystal[], file: string): void {
  const seen = new Set<string>()
  for (const { id } of crystals) {
    if (seen.has(id)) {
      throw new DftError('duplicate_id', `${file} has two crystals ${JSON.stringify(id)} (give each an id of its own)`)
    }
    seen.add(id)
  }
}

/**
 * The results of a file that need no new run: all of the crystals, less those to try again.
 *
 * @throws DftError `other_label_set`
 */
export function knownResults(
  results: ResultsFile,
  crystals: readonly Crystal[],
  runner: DftRunner,
  tryAgain: (record: DftRecord) => boolean,
): Map<string, DftRecord> {
  const known = new Map<string, DftRecord>()
  for (const { id, structure } of crystals) {
    const record = results.records.get(id)
    if (!record) continue
    if (record.label_set !== runner.identityFor(structure)) {
      const what = `${results.path} holds a result of ${id} under other settings or pseudopotentials`
      throw new DftError('other_label_set', `${what}, and labels of two sets are never mixed (choose another file)`)
    }
    if (!tryAgain(record)) known.set(id, record)
  }
  return known
}
