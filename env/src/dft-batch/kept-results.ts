import type { Structure } from '@unitcell/datasets'
import type { DftResult } from '../dft/index.js'
import type { DftRecord } from './record.js'

/** Results of other times, such as a cache: a crystal that has one is not computed again. */
export interface KeptResults {
  /** Null where there is none. */
  find(structure: Structure): DftRecord | null
  /** Keeps a result that will not change; resolves once it is safe. */
  keep(structure: Structure, result: DftResult): Promise<void>
}
