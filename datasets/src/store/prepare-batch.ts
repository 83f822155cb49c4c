import type { Structure } from '../crystal/structure.js'
import { DataSetError } from './data-set-error.js'
import type { PreparedStructure, PrepareOptions } from './prepare.js'
import { prepareStructure } from './prepare.js'

/** A piece of work for a thread. */
export interface PrepareBatch {
  readonly items: readonly { readonly structure: Structure; readonly spaceGroup: number | null }[]
  readonly options: PrepareOptions
}

/** Why a row was not accepted. */
export interface RowFailure {
  readonly code: string
  readonly reason: string
}

export type PrepareOutcome = { readonly prepared: PreparedStructure } | { readonly failure: RowFailure }

/** An outcome per item, in their order; one crystal's failure is no other's. */
export function prepareBatch({ items, options }: PrepareBatch): PrepareOutcome[] {
  return items.map(({ structure, spaceGroup }) => {
    try {
      return { prepared: prepareStructure(structure, spaceGroup, options) }
    } catch (error) {
      if (!(error instanceof DataSetError)) throw error
      return { failure: { code: error.code, reason: error.message } }
    }
  })
}
