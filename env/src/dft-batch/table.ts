import type { DftRecord } from './record.js'

/** The results as a table for people, a line per crystal. */
export function dftTable(records: readonly DftRecord[]): string {
  const rows = [
    ['id', 'formula', 'energy, Ry', 'gap, eV', 'spin', 'CPU s', 'failure'],
    ...records.map((record) => [
      record.id,
      record.formula ?? '-',
      record.total_energy_ry?.toFixed(6) ?? '-',
      record.band_gap_ev?.toFixed(3) ?? '-',
      record.spin === null ? '-' : String(record.spin),
      record.cpu_seconds.toFixed(1),
      record.failure ? `${record.failure.code}: ${record.failure.message}` : '',
    ]),
  ]
  const widths = rows[0].map((_, k) => Math.max(...rows.map((cells) => cells[k].length)))
  const isNumber = (k: number) => k >= 2 && k <= 5
  return rows
    .map((cells) =>
      cells
        .map((cell, k) => (isNumber(k) ? cell.padStart(widths[k]) : cell.padEnd(widths[k])))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}
