import { elementIndex } from '../crystal/elements.js'
import { DataSetError } from '../store/data-set-error.js'
import type { CrystalShard } from '../store/shard.js'

/** Inclusive bounds; a missing one is no bound. */
export interface Range {
  readonly min?: number | undefined
  readonly max?: number | undefined
}

/** Which crystals of a split are wanted; every condition narrows. */
export interface CrystalFilter {
  /** Band gap, eV. A crystal whose gap is unknown is in no range. */
  readonly gapEv?: Range | undefined
  /** Number of sites. */
  readonly sites?: Range | undefined
  /** Symbols; a crystal must be made of these alone. */
  readonly elements?: readonly string[] | undefined
}

/**
 * Rows of the crystals that pass, ascending.
 *
 * @throws {DataSetError} `bad_argument`: an unknown element, or a range whose ends are the wrong way round
 */
export function selectCrystals(shard: CrystalShard, filter: CrystalFilter = {}): Uint32Array {
  const { gapEv, sites, elements } = filter
  checkRange('the gap range', gapEv)
  checkRange('the range of the number of sites', sites)
  const allowed = elements && elementSet(elements)
  const rows: number[] = []
  for (let i = 0; i < shard.count; i++) {
    if (sites && !isWithin(shard.siteCount(i), sites)) continue
    if (gapEv && !isWithin(shard.labels(i).bandGapEv ?? Number.NaN, gapEv)) continue
    if (allowed && !shard.structure(i).species.every((element) => allowed[element] === 1)) continue
    rows.push(i)
  }
  return Uint32Array.from(rows)
}

function isWithin(value: number, { min = -Infinity, max = Infinity }: Range): boolean {
  return value >= min && value <= max
}

function checkRange(what: string, range: Range | undefined): void {
  const { min = -Infinity, max = Infinity } = range ?? {}
  if (min <= max) return
  throw new DataSetError('bad_argument', `${what} is empty: ${min} to ${max}`, 'give the smaller number first')
}

/** 256 flags, 1 for the element indices of the symbols. */
function elementSet(symbols: readonly string[]): Uint8Array {
  const set = new Uint8Array(256)
  for (const symbol of symbols) {
    const index = elementIndex(symbol)
    if (index === undefined) {
      const what = `${JSON.stringify(symbol)} is none of the 88 elements`
      throw new DataSetError('bad_argument', what, 'use symbols such as Na, O')
    }
    set[index] = 1
  }
  return set
}
