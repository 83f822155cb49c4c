import { SYMBOLS } from '../crystal/elements.js'
import type { CrystalDataSet } from '../store/data-set.js'
import { summarize, type DataSetSummary, type Quantiles } from '../store/summary.js'
import { barChart, histogram, type BarChart } from './bar-chart.js'

/** The page of a card; its figures lie beside it. */
export const CARD_FILE = 'CARD.md'

/**
 * What a data set is, for those who might use it: a page of Markdown (`CARD.md`) and its figures (SVG), by file name. The
 * same data set gives the same bytes.
 */
export function dataSetCard(dataSet: CrystalDataSet): Map<string, string> {
  const charts = figures(dataSet)
  const files = new Map([...charts].map(([file, chart]) => [file, barChart(chart)]))
  return new Map([[CARD_FILE, page(summarize(dataSet), charts)], ...files])
}

function figures(dataSet: CrystalDataSet): Map<string, BarChart> {
  const gaps: number[] = []
  const energies: number[] = []
  const formation: number[] = []
  const sizes = new Map<number, number>()
  for (const split of dataSet.splits) {
    const shard = dataSet.split(split)
    for (let row = 0; row < shard.count; row++) {
      const sites = shard.siteCount(row)
      const labels = shard.labels(row)
      sizes.set(sites, (sizes.get(sites) ?? 0) + 1)
      if (labels.bandGapEv !== null) gaps.push(labels.bandGapEv)
      if (labels.totalEnergyRy !== null) energies.push(labels.totalEnergyRy / sites)
      if (labels.formationEnergyEvPerAtom !== null) formation.push(labels.formationEnergyEvPerAtom)
    }
  }
  const charts = new Map<string, BarChart>()
  const distribution = (file: string, title: string, axis: string, values: readonly number[]) => {
    if (values.length > 0) charts.set(file, { title, axis, ...histogram(values, 40, 5) })
  }
  distribution('gaps.svg', 'Band gaps', 'band gap, eV', gaps)
  distribution('energies.svg', 'Total energies per atom', 'total energy, Ry per atom', energies)
  distribution('formation-energies.svg', 'Formation energies', 'formation energy, eV per atom', formation)
  const largest = Math.max(0, ...sizes.keys())
  const counts = Array.from({ length: largest }, (_, k) => sizes.get(k + 1) ?? 0)
  const every = Math.ceil(largest / 25)
  const names = counts.map((_, k) => (k % every === 0 ? String(k + 1) : ''))
  charts.set('sizes.svg', { title: 'Sizes', axis: 'sites per cell', labels: names, values: counts })
  const { elements } = summarize(dataSet)
  const frequent = SYMBOLS.filter((symbol) => symbol in elements)
    .sort((a, b) => elements[b] - elements[a])
    .slice(0, 36)
  const values = frequent.map((symbol) => elements[symbol])
  charts.set('elements.svg', { title: 'Elements', axis: 'crystals that have it', labels: frequent, values })
  return charts
}

function page(summary: DataSetSummary, charts: ReadonlyMap<string, BarChart>): string {
  const { name, hash, licence, options, splits, sources, rejected, elements, label_set: labelSet } = summary
  const columns = [...Object.entries(splits), ['all', summary] as const]
  const row = (title: string, cell: (split: (typeof columns)[number][1]) => string) =>
    `| ${[title, ...columns.map(([, split]) => cell(split))].join(' | ')} |`
  const range = ({ known, min, median, max }: Quantiles) =>
    known === 0 ? 'none known' : `${number(min)} / ${number(median)} / ${number(max)} (${known})`
  const settings = Object.entries(labelSet ?? {}).filter(([, value]) => typeof value !== 'object')
  return [
    `# ${name}`,
    '',
    `Crystals with neighbour graphs and labels; hash \`${hash}\`.`,
    '',
    `- Terms: ${licence ?? 'not stated'}`,
    `- Cells: ${options.cell}, at most ${options.max_sites} sites`,
    `- Sources: ${[...new Set(sources.map(({ file, split }) => `${file} (${split})`))].join(', ')}`,
    `- Labels: ${summary.label_set_sha256 === null ? 'label set not stated' : `label set \`${summary.label_set_sha256}\``}`,
    ...settings.map(([key, value]) => `  - ${key}: ${String(value)}`),
    `- Rejected rows: ${rejected.rows}`,
    `- Elements: ${Object.keys(elements).length}`,
    '',
    `| | ${columns.map(([split]) => split).join(' | ')} |`,
    `| --- |${' ---: |'.repeat(columns.length)}`,
    ...(['crystals', 'sites', 'edges', 'transitions', 'disconnected'] as const).map((key) =>
      row(key, (split) => split[key].toLocaleString('en')),
    ),
    row('band gap, eV', (split) => range(split.band_gap_ev)),
    row('total energy, Ry', (split) => range(split.total_energy_ry)),
    row('formation energy, eV/atom', (split) => range(split.formation_energy_ev_per_atom)),
    '',
    'Labels: smallest / median / largest (crystals that have it). Transitions: N * min(5, N) of every connected crystal of',
    'N sites.',
    '',
    ...[...charts].map(([file, { title }]) => `![${title}](${file})`),
    '',
  ].join('\n')
}

function number(value: number | null): string {
  return value === null ? '-' : String(Number(value.toFixed(3)))
}
