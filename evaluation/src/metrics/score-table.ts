import type { Percentage, Score } from './score.js'

/** The random row of Tables 1 and 2 of the paper, percent; it states no validity. */
export const PAPER_RANDOM = { accuracy: 1.15, similarity: 12.54, validity: null } as const

/** A score as aligned lines of text for a person, beside the paper's random agent; `name` heads its column. */
export function scoreTable(score: Score, name = 'this file'): string {
  const rows = [
    ['', name, "paper's random agent"],
    ['accuracy %', percentText(score.accuracy), paperText(PAPER_RANDOM.accuracy)],
    ['similarity %', percentText(score.similarity), paperText(PAPER_RANDOM.similarity)],
    ['validity %', percentText(score.validity), paperText(PAPER_RANDOM.validity)],
  ]
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)))
  const table = rows.map(([label, ...cells]) =>
    [label.padEnd(widths[0]), ...cells.map((cell, i) => cell.padStart(widths[i + 1]))].join('   '),
  )
  return [...table, '', ...countLines(score)].join('\n')
}

function countLines(score: Score): string[] {
  const { crystals, crystalsWithTruth, sites, exactMatches, unfilledCrystals, invalidReasons } = score
  const lines = [`${crystals} crystals, ${sites} sites, ${exactMatches} exact matches`]
  if (crystalsWithTruth < crystals) {
    lines.push(`${crystals - crystalsWithTruth} crystals without true_species count for validity only`)
  }
  if (unfilledCrystals > 0) lines.push(`${unfilledCrystals} crystals with unfilled sites`)
  const reasons = Object.entries(invalidReasons).map(([code, count]) => `${code} ${count}`)
  if (reasons.length > 0) lines.push(`invalid: ${reasons.join(', ')}`)
  return lines
}

function percentText(value: Percentage | null): string {
  if (value === null) return '-'
  const error = value.standardError === null ? '' : ` +- ${value.standardError.toFixed(2)}`
  return value.percent.toFixed(2) + error
}

function paperText(percent: number | null): string {
  return percent === null ? '-' : percent.toFixed(2)
}
