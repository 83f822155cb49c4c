/** First column to the left, the others to the right. */
export function aligned(table: readonly (readonly string[])[]): string[] {
  const widths = table[0].map((_, k) => Math.max(...table.map((cells) => cells[k].length)))
  return table.map((cells) =>
    cells
      .map((cell, k) => (k === 0 ? cell.padEnd(widths[k]) : cell.padStart(widths[k] + 2)))
      .join('')
      .trimEnd(),
  )
}
