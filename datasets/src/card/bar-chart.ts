/** Bars over labels. */
export interface BarChart {
  readonly title: string
  /** What the bars are of, with its unit. */
  readonly axis: string
  /** A label under each bar; an empty one is no label. */
  readonly labels: readonly string[]
  readonly values: readonly number[]
}

const WIDTH = 720
const HEIGHT = 240
const MARGIN = { left: 56, right: 12, top: 30, bottom: 48 } as const

/** The chart as an SVG document of plain shapes and text; readable on light and dark pages. */
export function barChart({ title, axis, labels, values }: BarChart): string {
  const width = WIDTH - MARGIN.left - MARGIN.right
  const height = HEIGHT - MARGIN.top - MARGIN.bottom
  const most = Math.max(1, ...values)
  const pitch = width / Math.max(1, values.length)
  const y = (value: number) => MARGIN.top + height * (1 - value / most)
  const bars = values.map((value, k) => {
    const x = MARGIN.left + k * pitch
    return `<rect x="${fixed(x + 0.5)}" y="${fixed(y(value))}" width="${fixed(Math.max(pitch - 1, 0.5))}" height="${fixed(y(0) - y(value))}"/>`
  })
  const names = labels.map((label, k) =>
    label === '' ? '' : text(MARGIN.left + (k + 0.5) * pitch, y(0) + 14, 'middle', label),
  )
  const ticks = [0, 0.5, 1].map((share) => text(MARGIN.left - 6, y(most * share) + 4, 'end', tick(most * share)))
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${HEIGHT}" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img">`,
    `<title>${escape(title)}</title>`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="#ffffff"/>`,
    '<g font-family="sans-serif" font-size="11" fill="#333333">',
    `<text x="${MARGIN.left}" y="18" font-size="13">${escape(title)}</text>`,
    ...ticks,
    ...names,
    text(MARGIN.left + width / 2, HEIGHT - 8, 'middle', axis),
    '</g>',
    `<g fill="#3b6fb6">${bars.join('')}</g>`,
    '</svg>\n',
  ].join('\n')
}

/** Counts of the values in `bins` equal bins, and labels at every `every`-th of their lower ends. */
export function histogram(values: readonly number[], bins: number, every: number) {
  const [low, high] = values.reduce(([a, b], v) => [Math.min(a, v), Math.max(b, v)], [Infinity, -Infinity])
  const step = niceStep((high - low) / bins)
  const first = Math.floor(low / step)
  const count = Math.max(1, Math.floor(high / step) - first + 1)
  const counts = new Array<number>(count).fill(0)
  for (const value of values) counts[Math.min(Math.floor(value / step) - first, count - 1)]++
  const labels = counts.map((_, k) => (k % every === 0 ? String(Number(((first + k) * step).toPrecision(6))) : ''))
  return { labels, values: counts }
}

/** 1, 2 or 5 times a power of ten, at least as large as the number. */
function niceStep(least: number): number {
  if (!(least > 0)) return 1
  const power = 10 ** Math.floor(Math.log10(least))
  return power * [1, 2, 5, 10].find((factor) => factor * power >= least * (1 - 1e-9))!
}

function text(x: number, y: number, anchor: string, content: string): string {
  return `<text x="${fixed(x)}" y="${fixed(y)}" text-anchor="${anchor}">${escape(content)}</text>`
}

function tick(value: number): string {
  return Math.round(value).toLocaleString('en')
}

function fixed(value: number): string {
  return String(Number(value.toFixed(2)))
}

function escape(content: string): string {
  return content.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}
