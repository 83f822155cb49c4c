import { fileURLToPath } from 'node:url'
import { DataSetError } from './data-set-error.js'
import { sha256 } from './manifest.js'

/** Name of the data set that comes with the program. */
export const BUILTIN = 'builtin'

/**
 * The label sets of the built-in data set, by the pseudopotentials behind them: `sssp`, the SSSP files (the default);
 * `gth`, GTH-PBE as Debian's package `cp2k-data` has it. Energies of different sets are never compared.
 */
export const BUILTIN_LABEL_SETS = ['sssp', 'gth'] as const

export type BuiltinLabelSet = (typeof BUILTIN_LABEL_SETS)[number]

/** Share of the reduced formulas that goes to `val`. */
const VAL_SHARE = 0.15

/** The name by which a label set of the built-in data set is opened: `builtin` for the default one, `builtin:gth`. */
export function builtinName(labelSet: BuiltinLabelSet): string {
  return labelSet === BUILTIN_LABEL_SETS[0] ? BUILTIN : `${BUILTIN}:${labelSet}`
}

/**
 * The label set that a name of the built-in data set means, `builtin:sssp` being `builtin`; null for any other name.
 *
 * @throws {DataSetError} `unknown_label_set`
 */
export function builtinLabelSet(name: string): BuiltinLabelSet | null {
  if (name === BUILTIN) return BUILTIN_LABEL_SETS[0]
  if (!name.startsWith(`${BUILTIN}:`)) return null
  const found = BUILTIN_LABEL_SETS.find((labelSet) => name === `${BUILTIN}:${labelSet}`)
  if (found) return found
  const fix = `use ${BUILTIN_LABEL_SETS.map(builtinName).join(' or ')}`
  throw new DataSetError('unknown_label_set', `the built-in data set has no label set of the name ${name}`, fix)
}

/** The data-set folder of a label set, as `unitcell-data build-reference` made it. */
export function builtinFolder(labelSet: BuiltinLabelSet): string {
  return fileURLToPath(new URL(`../../reference/${labelSet}`, import.meta.url))
}

/**
 * The side of a reduced formula: crystals of one formula stay together, so that `val` asks for compounds that `train`
 * has not shown, and every label set has a formula on the same side. Drawn by hash, so a crystal added later moves no
 * other.
 */
export function builtinSplit(formula: string): 'train' | 'val' {
  const draw = Number.parseInt(sha256(formula).slice(0, 8), 16) / 2 ** 32
  return draw < VAL_SHARE ? 'val' : 'train'
}
