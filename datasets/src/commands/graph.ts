import { rm } from 'node:fs/promises'
import { Command } from 'commander'
import { MAX_SITES } from '../crystal/checks.js'
import type { CrystalFormat } from '../formats/read-crystals.js'
import { adjacency, breadthFirstOrder } from '../graph/traversal.js'
import { createProgress } from '../progress.js'
import type { CellChoice } from '../store/manifest.js'
import { prepareAll } from '../store/prepare-all.js'
import type { PreparedStructure } from '../store/prepare.js'
import { PAPER_SOURCES } from '../store/transition-count.js'
import { readGraphRows } from './graph-rows.js'
import { cellOption, formatOption, threadsOption } from './options.js'
import { writeLines } from './output-file.js'
import { interruptible, positiveInteger } from '../program.js'

interface Options {
  readonly out: string
  readonly format: CrystalFormat
  readonly cell: CellChoice
  readonly maxSites: number
  readonly threads?: number
}

export function graphCommand(): Command {
  return new Command('graph')
    .description('write the neighbour graph of every crystal of a file, a JSON line each')
    .argument('<file>', 'crystals, plain or gz; - is standard input')
    .requiredOption('--out <file>', 'file to write; gzip if its name ends in .gz')
    .addOption(cellOption())
    .addOption(formatOption())
    .option('--max-sites <n>', 'reject crystals with more sites', positiveInteger, MAX_SITES)
    .addOption(threadsOption())
    .action(runGraph)
}

async function runGraph(file: string, options: Options): Promise<void> {
  const { out, format, cell, maxSites, threads } = options
  const rejectedFile = `${out}.rejected.jsonl`
  const { written, rejected } = await interruptible(async (signal) => {
    const { rows, rejected } = await readGraphRows(file, { format, maxSites, signal })
    const progress = createProgress({ label: 'graph', total: rows.length, unit: 'crystals' })
    const outcomes = prepareAll(
      rows.map(({ crystal }) => crystal),
      { cell, skeletonSymmetry: false, trustSpaceGroup: false, ...(threads && { threads }), signal },
    )
    let written = 0
    const lines = async function* () {
      let done = 0
      for await (const outcome of outcomes) {
        const { line, crystal, symbols } = rows[done++]
        progress.update(done)
        if ('failure' in outcome) {
          rejected.push({ line, id: crystal.id, ...outcome.failure })
        } else {
          written++
          yield JSON.stringify(graphRecord(crystal.id, symbols, outcome.prepared))
        }
      }
    }
    try {
      await writeLines(out, lines(), signal)
    } finally {
      progress.stop()
    }
    const sorted = rejected.sort((a, b) => a.line - b.line).map((row) => JSON.stringify(row))
    if (sorted.length > 0) await writeLines(rejectedFile, sorted, signal)
    else await rm(rejectedFile, { force: true })
    return { written, rejected }
  })
  const where = rejected.length > 0 ? ` (see ${rejectedFile})` : ''
  console.error(`${out}: ${written} crystals, ${rejected.length} rows rejected${where}`)
}

/** A line of the output; `edges` are [i, j, [n1, n2, n3]], `distances` in their order, angstrom. */
export function graphRecord(
  id: string,
  symbols: readonly string[],
  { structure, graph, connected, spaceGroup }: PreparedStructure,
) {
  const { lattice, fracCoords } = structure
  const { edges, images, distances } = graph
  return {
    id,
    lattice: triples(lattice),
    frac_coords: triples(fracCoords),
    species: symbols,
    edges: Array.from(distances, (_, e) => [edges[2 * e], edges[2 * e + 1], [...images.subarray(3 * e, 3 * e + 3)]]),
    distances: [...distances],
    orders: paperOrders(symbols.length, graph),
    connected,
    space_group: spaceGroup,
  }
}

/** Breadth-first orders from the sites 0..min(5, N)-1; of a graph in parts, each order is of the part of its source. */
function paperOrders(sites: number, graph: PreparedStructure['graph']): number[][] {
  const neighbors = adjacency(graph, sites)
  return Array.from({ length: Math.min(PAPER_SOURCES, sites) }, (_, source) => [
    ...breadthFirstOrder(neighbors, source, { continueAtLowest: false }),
  ])
}

function triples(values: Float64Array): number[][] {
  return Array.from({ length: values.length / 3 }, (_, i) => [...values.subarray(3 * i, 3 * i + 3)])
}
