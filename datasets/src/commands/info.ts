import { Command } from 'commander'
import { CrystalDataSet } from '../store/data-set.js'
import type { DataSetSummary, Quantiles, SplitSummary } from '../store/summary.js'
import { summarize } from '../store/summary.js'
import { aligned } from './table.js'

export function infoCommand(): Command {
  return new Command('info')
    .description('say what is in a data set')
    .argument('<dir>', 'a data-set folder, or `builtin`, `builtin:gth`')
    .option('--json', 'print JSON')
    .action(async (folder: string, { json }: { json?: true }) => {
      const summary = summarize(await CrystalDataSet.open(folder))
      console.log(json ? JSON.stringify(summary) : describe(summary))
    })
}

function describe(summary: DataSetSummary): string {
  const { name, hash, licence, options, sources, splits, elements, rejected } = summary
  const columns: [string, SplitSummary][] = Object.entries(splits)
  if (columns.length > 1) columns.push(['all', summary])
  const row = (title: string, cell: (split: SplitSummary) => string) => [title, ...columns.map(([, s]) => cell(s))]
  const quantileRows = (title: string, key: 'band_gap_ev' | 'total_energy_ry' | 'formation_energy_ev_per_atom') => [
    row(title, (split) => `${split[key].known} known`),
    ...(['min', 'p25', 'median', 'p75', 'max'] as const).map((q) => row(`  ${q}`, (split) => number(split[key], q))),
  ]
  const table = [
    ['', ...columns.map(([split]) => split)],
    ...(['crystals', 'sites', 'edges', 'transitions', 'disconnected'] as const).map((key) =>
      row(key, (split) => split[key].toLocaleString('en')),
    ),
    ...quantileRows('band gap, eV', 'band_gap_ev'),
    ...quantileRows('total energy, Ry', 'total_energy_ry'),
    ...quantileRows('formation energy, eV/atom', 'formation_energy_ev_per_atom'),
  ]
  const codes = Object.entries(rejected.by_code).map(([code, rows]) => `${code} ${rows}`)
  const symbols = Object.entries(elements).map(([symbol, crystals]) => `${symbol} ${crystals}`)
  return [
    `name      ${name}`,
    `hash      ${hash}`,
    `cells     ${options.cell}, at most ${options.max_sites} sites`,
    `sources   ${[...new Set(sources.map(({ file, split }) => `${file} (${split})`))].join(', ')}`,
    `licence   ${licence ?? 'not stated'}`,
    `labels    ${labelSetLine(summary)}`,
    `rejected  ${rejected.rows} rows${codes.length > 0 ? `: ${codes.join(', ')}` : ''}`,
    '',
    ...aligned(table),
    '',
    `${symbols.length} elements, with the number of crystals that have each:`,
    ...wrapped(symbols, 100).map((line) => `  ${line}`),
  ].join('\n')
}

function labelSetLine({ label_set: labelSet, label_set_sha256: sha256 }: DataSetSummary): string {
  if (!labelSet || !sha256) return 'label set not stated'
  const settings = Object.entries(labelSet).filter(([, value]) => typeof value !== 'object')
  const values = settings.map(([key, value]) => `${key} ${String(value)}`)
  return `label set ${sha256.slice(0, 16)}${values.length > 0 ? ` (${values.slice(0, 4).join(', ')})` : ''}`
}

function number(quantiles: Quantiles, key: Exclude<keyof Quantiles, 'known'>): string {
  return quantiles[key]?.toFixed(3) ?? '-'
}

function wrapped(words: readonly string[], width: number): string[] {
  const lines: string[] = []
  for (const word of words) {
    const last = lines.at(-1)
    if (last !== undefined && last.length + word.length + 2 <= width) lines[lines.length - 1] = `${last}, ${word}`
    else lines.push(word)
  }
  return lines
}
