import type { CrystalDataSet } from '@unitcell/datasets'
import { ProtocolError } from '@unitcell/protocol'
import { prepareAsListed, prepareCanonically, type PreparedCrystal, type SourceCrystal } from './prepared-crystal.js'

/** A place in a data set, as requests write it: an id, or a split and an index. */
export type CrystalReference = string | { readonly split?: string | undefined; readonly index: number }

type Basis = 'shuffled' | 'file'

/** The crystals of a data set, prepared for episodes once and kept. */
export class CrystalLibrary {
  readonly #prepared = { shuffled: new Map<string, PreparedCrystal[]>(), file: new Map<string, PreparedCrystal[]>() }

  constructor(readonly dataset: CrystalDataSet) {}

  /** Number of crystals of a split. @throws ProtocolError `unknown_split` */
  count(split: string): number {
    if (!this.dataset.splits.includes(split)) {
      throw new ProtocolError('unknown_split', `data set ${this.dataset.name} has no split ${JSON.stringify(split)}`, {
        known: this.dataset.splits,
      })
    }
    return this.dataset.split(split).count
  }

  /** Number of sites of a crystal. */
  sites(split: string, index: number): number {
    return this.dataset.split(split).siteCount(index)
  }

  /** Where a crystal is. @throws ProtocolError `unknown_crystal`, `unknown_split` */
  locate(reference: CrystalReference, defaultSplit: string): { split: string; index: number } {
    if (typeof reference !== 'string') {
      const split = reference.split ?? defaultSplit
      const count = this.count(split)
      if (reference.index < count) return { split, index: reference.index }
      throw new ProtocolError('unknown_crystal', `split ${split} has ${count} crystals, no index ${reference.index}`)
    }
    for (const split of [defaultSplit, ...this.dataset.splits]) {
      const index = this.dataset.split(split).indexOf(reference)
      if (index !== undefined) return { split, index }
    }
    throw new ProtocolError(
      'unknown_crystal',
      `data set ${this.dataset.name} has no crystal ${JSON.stringify(reference)}`,
    )
  }

  /** A crystal, prepared for episodes with shuffled or listed sites. */
  crystal(split: string, index: number, basis: Basis): PreparedCrystal {
    let crystals = this.#prepared[basis].get(split)
    if (crystals === undefined) this.#prepared[basis].set(split, (crystals = []))
    return (crystals[index] ??= prepare(this.#source(split, index), basis))
  }

  #source(split: string, index: number): SourceCrystal {
    const records = this.dataset.split(split)
    const structure = records.structure(index)
    return {
      origin: { split, index, id: records.id(index) },
      skeleton: structure,
      graph: records.graph(index),
      species: structure.species,
      labels: records.labels(index),
      spaceGroup: records.spaceGroup(index),
      skeletonSpaceGroup: records.skeletonSpaceGroup(index),
    }
  }
}

/** A crystal prepared for a basis of its site numbering. */
export function prepare(source: SourceCrystal, basis: Basis): PreparedCrystal {
  return basis === 'shuffled' ? prepareCanonically(source) : prepareAsListed(source)
}
