import type { RunEnd } from './launcher.js'
import type { PwOutput } from './output.js'
import type { RunFiles } from './run-folder.js'

/**
 * Every way a calculation fails. `deterministic`: the same crystal under the same label set fails again, so the failure
 * may be cached; the others depend on the machine, its load or its files.
 */
export const FAILURES = {
  // Found before a run.
  bad_structure: { deterministic: true, message: 'the structure has sites or numbers that are no crystal' },
  unfilled_site: { deterministic: true, message: 'a site has no element' },
  too_many_elements: { deterministic: true, message: 'pw.x takes at most 10 different elements' },
  atoms_too_close: { deterministic: true, message: 'two atoms are closer than any bond' },
  degenerate_cell: { deterministic: true, message: 'the cell has no volume, or is too skewed' },
  // Before a run, or from pw.x.
  missing_pseudopotential: { deterministic: false, message: 'an element has no pseudopotential' },
  broken_pseudopotential: { deterministic: false, message: 'a pseudopotential file cannot be read' },
  too_few_bands: { deterministic: true, message: 'fewer bands than the electrons fill' },
  // From pw.x.
  smearing_needed: { deterministic: true, message: 'fixed occupations do not fit the number of electrons' },
  magnetization_needed: { deterministic: true, message: 'spin-polarised fixed occupations need a total magnetisation' },
  not_converged: { deterministic: true, message: 'the self-consistent field did not converge within the step limit' },
  too_many_bands: { deterministic: true, message: 'the cell is too small for that many bands' },
  no_empty_band: { deterministic: true, message: 'all bands are filled, so there is no gap to read' },
  overlapping_atoms: { deterministic: true, message: 'two atoms coincide' },
  diagonalization_failed: { deterministic: true, message: 'the eigenvalue problem could not be solved' },
  charge_wrong: { deterministic: true, message: 'the electron count of the bands does not come out' },
  symmetry_failed: { deterministic: true, message: 'pw.x found an inconsistent symmetry operation' },
  bad_input: { deterministic: true, message: 'pw.x could not read its input' },
  pw_error: { deterministic: false, message: 'pw.x stopped with an error' },
  // From the machine or a person.
  time_limit: { deterministic: false, message: 'the time limit was reached' },
  node_failed: { deterministic: false, message: 'the node that computed it failed' },
  cancelled: { deterministic: false, message: 'the calculation was cancelled' },
  stopped_by_user: { deterministic: false, message: 'an EXIT file asked pw.x to stop' },
  file_error: { deterministic: false, message: 'pw.x could not read or write its files (is the disk full?)' },
  out_of_memory: { deterministic: false, message: 'pw.x could not get the memory it needs' },
  killed: { deterministic: false, message: 'pw.x was killed by a signal' },
  no_result: { deterministic: false, message: 'pw.x ended without a result' },
} as const

export type FailureCode = keyof typeof FAILURES

/** Why a calculation has no result. */
export interface DftFailure {
  readonly code: FailureCode
  /** Whether the same crystal fails again under the same label set. */
  readonly deterministic: boolean
  readonly message: string
}

/** A failure of the table, with what is special about this case. */
export function dftFailure(code: FailureCode, detail?: string): DftFailure {
  const { deterministic, message } = FAILURES[code]
  return { code, deterministic, message: detail ? `${message}: ${detail}` : message }
}

/**
 * Texts that tell failures apart, in the order in which they are looked for: a stop asked for comes before what follows
 * from it, the particular before the general. Each was printed by a pw.x 6.7 to 7.1.
 */
const signs: readonly (readonly [FailureCode, RegExp])[] = [
  ['time_limit', /Maximum CPU time exceeded/],
  ['stopped_by_user', /Program stopped by user request/],
  ['smearing_needed', /smearing is needed/],
  ['magnetization_needed', /lsda need tot_magnetization/],
  ['too_few_bands', /too few bands/],
  ['too_many_bands', /more bands than PWs/],
  ['overlapping_atoms', /atoms #.*overlap/],
  ['missing_pseudopotential', /readpp[^]*file .* not found|file .*(?:UPF|gth) not found/],
  [
    'broken_pseudopotential',
    /read_upf|of file \w*(?:pseudo|gth)\w*\.f90|routine\s+(?:readpp|read_pseudo|readgth|upf_error|scan_begin)/i,
  ],
  ['bad_input', /(?:routine|of file)\s+(?:read_namelists|read_cards|card_\w+|read_line|iosys|read_input)/],
  ['degenerate_cell', /routine\s+(?:kpoint_grid|latgen|cell_base_init|recips|invmat|lattice|volume)/],
  [
    'file_error',
    /No space left on device|routine\s+(?:write_rhog|diropn|davcio|seqopn|write_\w+|qexsd\w*|mkdir\w*|create_directory)/,
  ],
  ['out_of_memory', /memory limit|Insufficient virtual memory|Cannot allocate memory|Error allocating/i],
  [
    'diagonalization_failed',
    /S matrix not positive definite|routine\s+(?:[cr]diaghg|[cr]egterg|c_bands|potinv|\w*cholesky)/,
  ],
  ['diagonalization_failed', /problems computing cholesky|too many bands are not converged/],
  ['symmetry_failed', /routine\s+(?:d_matrix|sgama|symme|checkallsym)/],
  ['charge_wrong', /charge is wrong/],
  ['not_converged', /convergence NOT achieved/],
]

/**
 * Why a run failed, from how it ended and what it left; null where it did not. A run has succeeded if and only if it
 * exited with 0, its report has the final total energy, and its data file says that convergence was achieved.
 */
export function classifyRun(end: RunEnd, files: RunFiles, output: PwOutput, converged: boolean): DftFailure | null {
  if (end.stoppedBy === 'cancelled') return dftFailure('cancelled')
  if (end.exitCode === 0 && converged && output.totalEnergyRy !== null) return null
  if (end.stoppedBy !== null) return dftFailure(end.stoppedBy, end.detail)
  const text = `${files.stdout}\n${files.crash}\n${files.stderr}`
  const said = output.error
    ? `${output.error.routine}: ${output.error.message}`
    : /Fortran runtime error: (.*)/.exec(files.stderr)?.[1]
  for (const [code, sign] of signs) {
    if (sign.test(text)) return dftFailure(code, said)
  }
  if (said !== undefined) return dftFailure('pw_error', said)
  const signal = end.signal ?? (end.exitCode !== null && end.exitCode > 128 ? `signal ${end.exitCode - 128}` : null)
  if (signal !== null) return dftFailure('killed', signal)
  return dftFailure('no_result', end.detail ?? `exit code ${end.exitCode ?? 'unknown'}`)
}
