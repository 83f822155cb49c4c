import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { compositionOf, reducedFormula } from '../crystal/composition.js'
import { readCrystals } from '../formats/read-crystals.js'
import type { CompiledDataSet, SourceRow } from './compile.js'
import { compileDataSet } from './compile.js'
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

const crystalsUrl = new URL('../../reference/crystals.jsonl', import.meta.url)
const labelSetUrl = new URL('../../reference/label-set.json', import.meta.url)

let compiled: Promise<CompiledDataSet> | undefined

/**
 * The data set of `datasets/reference`: crystals computed for this project with Quantum Espresso. It is compiled in
 * memory at the first call of a process, by the code that makes data-set folders. So nothing binary is committed that
 * could differ from its source, and nothing is written to the user's disk. (178 crystals: 0.5 s on one core.)
 */
export function compileBuiltin(): Promise<CompiledDataSet> {
  compiled ??= compile()
  return compiled
}

/**
 * The side of a reduced formula: crystals of one formula stay together, so that `val` asks for compounds that `train`
 * has not shown. Drawn by hash, so a crystal added later moves no other.
 */
export function builtinSplit(formula: string): 'train' | 'val' {
  const draw = Number.parseInt(sha256(formula).slice(0, 8), 16) / 2 ** 32
  return draw < VAL_SHARE ? 'val' : 'train'
}

async function compile(): Promise<CompiledDataSet> {
  const [crystals, labelSet] = await Promise.all([readFile(crystalsUrl), readFile(labelSetUrl, 'utf8')])
  const file = 'crystals.jsonl'
  const rows: SourceRow[] = []
  for await (const row of readCrystals(fileURLToPath(crystalsUrl), { format: 'jsonl' })) {
    if (!('crystal' in row)) throw row.error
    const split = builtinSplit(reducedFormula(compositionOf(row.crystal.structure.species)))
    rows.push({ file, line: row.line, split, crystal: row.crystal })
  }
  const splits = ['train', 'val']
  const origin = { file, bytes: crystals.length, sha256: sha256(crystals) }
  return compileDataSet(rows, [], {
    name: BUILTIN,
    splits,
    sources: splits.map((split) => ({ split, ...origin })),
    cell: 'niggli',
    maxSites: 20,
    licence: 'MIT',
    labelSet: JSON.parse(labelSet) as Record<string, unknown>,
  })
}
