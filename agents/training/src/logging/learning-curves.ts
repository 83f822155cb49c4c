import type { MetricsRecord } from './metrics-log.js'

interface Panel {
  readonly title: string
  /** Metric -> colour. */
  readonly series: Readonly<Record<string, string>>
}

const PANELS: readonly Panel[] = [
  { title: 'loss', series: { 'train/loss': '#4269d0' } },
  {
    title: 'rollouts on val, %',
    series: {
      'val/accuracy': '#3ca951',
      'val/similarity': '#efb118',
      'val/validity': '#a463f2',
      'val/exact': '#ff725c',
    },
  },
]

// Pixels.
const WIDTH = 460
const HEIGHT = 260
const MARGIN = { left: 48, right: 12, top: 46, bottom: 34 }

/** The learning curves of a run as one SVG picture: training loss, and greedy rollouts on val, against steps. */
export function learningCurvesSvg(records: readonly MetricsRecord[]): string {
  const panels = PANELS.map((panel, i) => `<g transform="translate(${i * WIDTH} 0)">${panelSvg(panel, records)}</g>`)
  const size = `width="${PANELS.length * WIDTH}" height="${HEIGHT}"`
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" ${size} font-family="sans-serif" font-size="11">`,
    '<rect width="100%" height="100%" fill="white"/>',
    ...panels,
    '</svg>\n',
  ].join('\n')
}

function panelSvg({ title, series }: Panel, records: readonly MetricsRecord[]): string {
  const curves = Object.entries(series)
    .map(([name, colour]) => ({
      name,
      colour,
      points: records.filter((record) => Number.isFinite(record[name])).map((record) => [record.step, record[name]]),
    }))
    .filter(({ points }) => points.length > 0)
  const heading = `<text x="${MARGIN.left}" y="16" font-size="13" font-weight="bold">${title}</text>`
  if (curves.length === 0) return `${heading}<text x="${MARGIN.left}" y="70" fill="#666">nothing measured</text>`
  const values = curves.flatMap(({ points }) => points.map(([, value]) => value))
  const x = axis(0, Math.max(1, ...curves.flatMap(({ points }) => points.map(([step]) => step))))
  const y = axis(Math.min(0, ...values), Math.max(...values))
  const toX = (step: number) => MARGIN.left + ((WIDTH - MARGIN.left - MARGIN.right) * step) / x.last
  const toY = (value: number) =>
    MARGIN.top + ((HEIGHT - MARGIN.top - MARGIN.bottom) * (y.last - value)) / (y.last - y.first)
  const horizontal = y.ticks.map(
    (tick) =>
      `<line x1="${MARGIN.left}" x2="${WIDTH - MARGIN.right}" y1="${px(toY(tick))}" y2="${px(toY(tick))}" stroke="#ddd"/>` +
      `<text x="${MARGIN.left - 6}" y="${px(toY(tick) + 4)}" text-anchor="end" fill="#444">${label(tick)}</text>`,
  )
  const steps = x.ticks.map(
    (tick) => `<text x="${px(toX(tick))}" y="${HEIGHT - 14}" text-anchor="middle" fill="#444">${label(tick)}</text>`,
  )
  const lines = curves.map(({ colour, points }) => {
    const path = points.map(([step, value]) => `${px(toX(step))},${px(toY(value))}`).join(' ')
    return `<polyline points="${path}" fill="none" stroke="${colour}" stroke-width="1.5"/>`
  })
  const legend = curves.map(({ name, colour, points }, i) => {
    const at = `x="${MARGIN.left + 100 * i}" y="32"`
    return `<text ${at} fill="${colour}">${name.replace(/^.*\//, '')} ${label(points.at(-1)![1])}</text>`
  })
  return [heading, ...legend, ...horizontal, ...steps, ...lines].join('\n')
}

/** Round numbers, about five, that span `low` to `high`. */
function axis(low: number, high: number): { first: number; last: number; ticks: number[] } {
  const rough = Math.max(high - low, 1e-9) / 4
  const power = 10 ** Math.floor(Math.log10(rough))
  const spacing = power * [1, 2, 5, 10].find((factor) => factor * power >= rough)!
  const [from, to] = [Math.floor(low / spacing), Math.ceil(high / spacing)]
  const ticks = Array.from({ length: Math.max(1, to - from) + 1 }, (_, k) => (from + k) * spacing)
  return { first: ticks[0], last: ticks.at(-1)!, ticks }
}

const px = (value: number) => value.toFixed(1)

const label = (value: number) => Number(value.toPrecision(4)).toLocaleString('en-US', { maximumFractionDigits: 4 })
