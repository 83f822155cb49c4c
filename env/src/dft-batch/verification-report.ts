import type { Comparison, Tolerances, VerificationSummary } from './verification.js'

/** A verification as a whole. */
export interface Verification {
  readonly labels: string
  readonly profile: string
  readonly pwVersion: string
  readonly pseudopotentials: string
  readonly limits: Tolerances
  readonly comparisons: readonly Comparison[]
  readonly summary: VerificationSummary
  /** Why labelled crystals were not compared, and how many each. */
  readonly leftOut: ReadonlyMap<string, number>
  /** The same crystals under another profile. */
  readonly baseline: { readonly profile: string; readonly comparisons: readonly Comparison[] } | null
}

/** The verification as a Markdown document. */
export function verificationReport(verification: Verification): string {
  const { labels, profile, pwVersion, pseudopotentials, limits, comparisons, summary, leftOut, baseline } = verification
  const lines = [
    `# Labels of ${labels}, computed anew`,
    '',
    `Quantum Espresso ${pwVersion}, profile \`${profile}\`, pseudopotentials of ${pseudopotentials}. A crystal agrees where`,
    `the energy is within ${limits.energyRy} Ry and the gap within ${limits.gapEv} eV of the label.`,
    '',
    `- ${summary.agreeing} of ${summary.compared} crystals agree`,
    `- largest difference of energy ${inScience(summary.largest_energy_difference_ry)} Ry, of gap ${inScience(summary.largest_gap_difference_ev)} eV`,
    `- ${summary.cpu_seconds.toFixed(0)} CPU seconds in all`,
    ...(leftOut.size > 0 ? [`- left out: ${leftOutText(leftOut)}`] : []),
    '',
    ...markdownTable(
      [
        'crystal',
        'formula',
        'sites',
        'spin',
        'label, Ry',
        'difference, Ry',
        'label, eV',
        'difference, eV',
        'CPU s',
        '',
      ],
      comparisons.map((row) => [
        row.id,
        row.formula ?? '-',
        String(row.sites),
        row.spin === null ? '-' : String(row.spin),
        row.label_energy_ry.toFixed(6),
        inScience(row.energy_difference_ry),
        row.label_gap_ev.toFixed(4),
        inScience(row.gap_difference_ev),
        row.cpu_seconds.toFixed(1),
        row.agrees ? 'agrees' : (row.failure ?? 'differs'),
      ]),
    ),
  ]
  if (baseline) lines.push('', ...baselineSection(profile, comparisons, baseline))
  return lines.join('\n') + '\n'
}

function baselineSection(
  profile: string,
  comparisons: readonly Comparison[],
  baseline: NonNullable<Verification['baseline']>,
): string[] {
  const own = new Map(comparisons.map((row) => [row.id, row]))
  const pairs = baseline.comparisons.flatMap((row) => {
    const mine = own.get(row.id)
    return mine ? [{ mine, theirs: row }] : []
  })
  const cpu = (rows: readonly Comparison[]) => rows.reduce((sum, row) => sum + row.cpu_seconds, 0)
  const ratio = cpu(pairs.map(({ theirs }) => theirs)) / cpu(pairs.map(({ mine }) => mine))
  const difference = (a: number | null, b: number | null) => (a === null || b === null ? null : a - b)
  return [
    `## Beside profile \`${baseline.profile}\``,
    '',
    `On ${pairs.length} of these crystals \`${baseline.profile}\` takes ${ratio.toFixed(1)} times the CPU time of \`${profile}\`.`,
    '',
    ...markdownTable(
      [
        'crystal',
        'formula',
        `${profile}, CPU s`,
        `${baseline.profile}, CPU s`,
        'ratio',
        'energies, Ry',
        'gaps, eV',
        '',
      ],
      pairs.map(({ mine, theirs }) => [
        mine.id,
        mine.formula ?? '-',
        mine.cpu_seconds.toFixed(1),
        theirs.cpu_seconds.toFixed(1),
        (theirs.cpu_seconds / mine.cpu_seconds).toFixed(1),
        inScience(difference(theirs.total_energy_ry, mine.total_energy_ry)),
        inScience(difference(theirs.band_gap_ev, mine.band_gap_ev)),
        theirs.failure ?? '',
      ]),
    ),
  ]
}

export function leftOutText(leftOut: ReadonlyMap<string, number>): string {
  return [...leftOut].map(([reason, count]) => `${count} (${reason})`).join(', ')
}

function markdownTable(heading: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`
  return [line(heading), line(heading.map(() => '---')), ...rows.map(line)]
}

function inScience(value: number | null): string {
  return value === null ? '-' : value.toExponential(1)
}
