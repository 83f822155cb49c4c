import type { CrystalDataSet, CrystalShard } from '@unitcell/datasets'
import { ProtocolError, type Result } from '@unitcell/protocol'
import { CrystalLibrary } from '../mdp/crystal-library.js'
import type { Evaluator } from '../mdp/evaluation.js'
import { ServerError } from './server-error.js'
import { TransitionShelf } from './transition-shelf.js'

export type DataSetSummary = Result<'datasets'>['datasets'][number]

/** A data set as the server offers it: its crystals, and who judges their fillings. */
export interface Shelf {
  readonly library: CrystalLibrary
  readonly evaluator: Evaluator
  readonly transitions: TransitionShelf
  readonly summary: DataSetSummary
}

function summarize(dataset: CrystalDataSet): DataSetSummary {
  const { name, hash, manifest } = dataset
  const splits = Object.entries(manifest.splits).map(
    ([split, { crystals, sites }]) => [split, { crystals, sites, ...largest(dataset.split(split)) }] as const,
  )
  return { name, hash, splits: Object.fromEntries(splits), label_set: manifest.label_set_sha256 }
}

/** Sizes that hold every crystal of a split; 0 of an empty one. */
function largest(crystals: CrystalShard): { max_sites: number; max_edges: number } {
  let [sites, edges] = [0, 0]
  for (let index = 0; index < crystals.count; index++) {
    sites = Math.max(sites, crystals.siteCount(index))
    edges = Math.max(edges, crystals.graph(index).distances.length)
  }
  return { max_sites: sites, max_edges: edges }
}

/** The data sets of a server, by name. */
export class DataLibrary {
  readonly #shelves = new Map<string, Shelf>()

  /** @param evaluatorOf who judges fillings of the crystals of a data set */
  constructor(datasets: readonly CrystalDataSet[], evaluatorOf: (dataset: CrystalDataSet) => Evaluator) {
    for (const dataset of datasets) {
      if (this.#shelves.has(dataset.name))
        throw new ServerError(
          'duplicate_dataset',
          `two data sets are named ${dataset.name}`,
          'give each --data once; a name is given by `unitcell-data import --name`',
        )
      this.#shelves.set(dataset.name, {
        library: new CrystalLibrary(dataset),
        evaluator: evaluatorOf(dataset),
        transitions: new TransitionShelf(dataset),
        summary: summarize(dataset),
      })
    }
  }

  get summaries(): DataSetSummary[] {
    return [...this.#shelves.values()].map((shelf) => shelf.summary)
  }

  /** A data set by name; null: the first. @throws ProtocolError `unknown_dataset` */
  shelf(name: string | null): Shelf {
    const known = [...this.#shelves.keys()]
    const shelf = this.#shelves.get(name ?? known[0])
    if (shelf !== undefined) return shelf
    throw new ProtocolError('unknown_dataset', `there is no data set ${JSON.stringify(name)}`, { known })
  }
}
