import type { CheckOptions } from '../crystal/checks.js'
import { CrystalError } from '../crystal/crystal-error.js'
import type { Crystal } from '../crystal/structure.js'

/** A crystal, sound as `checkSkeleton` says, or why there is none on that line; `id` where the line states one. */
export type CrystalRow =
  | { readonly line: number; readonly crystal: Crystal }
  | { readonly line: number; readonly error: CrystalError; readonly id?: string }

export interface RowOptions extends CheckOptions {
  /** Of the file's name; crystals that name themselves not are named after it. */
  readonly stem: string
}

/** The row of a crystal that `read` gives, or of the CrystalError that it throws. */
export function crystalRow(line: number, read: () => Crystal, statedId?: () => unknown): CrystalRow {
  try {
    return { line, crystal: read() }
  } catch (error) {
    if (!(error instanceof CrystalError)) throw error
    const id = statedId?.()
    return { line, error, ...(typeof id === 'string' && { id }) }
  }
}

/** Labels of a crystal whose source states none. */
export const NO_LABELS = { totalEnergyRy: null, bandGapEv: null, formationEnergyEvPerAtom: null } as const
