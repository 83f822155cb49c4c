/** One thing the doctor looked at. */
export interface Check {
  readonly name: string
  /** `missing`: something cannot work without it; `optional`: something more could. */
  readonly status: 'ok' | 'optional' | 'missing'
  readonly found: string
  /** How to mend a lack: a command where there is one. */
  readonly fix?: string
}

/** The checks as lines for people. */
export function checksText(checks: readonly Check[]): string {
  const width = Math.max(...checks.map(({ name }) => name.length))
  const marks = { ok: 'ok      ', optional: 'optional', missing: 'MISSING ' }
  return checks
    .flatMap(({ name, status, found, fix }) => [
      `${marks[status]}  ${name.padEnd(width)}  ${found}`,
      ...(fix === undefined ? [] : [`${' '.repeat(12 + width)}-> ${fix}`]),
    ])
    .join('\n')
}

export const hasLack = (checks: readonly Check[]) => checks.some(({ status }) => status === 'missing')
