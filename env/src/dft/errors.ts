/**
 * What stops the DFT runner itself, before or beside a calculation. A calculation that fails is no error but a
 * `DftFailure` (failure.ts).
 */
export const DFT_ERRORS = {
  pw_missing: 'pw.x cannot be started',
  missing_pseudopotential: 'no pseudopotential for an element',
  bad_pseudopotential: 'a pseudopotential file cannot be read, or is not what it was',
  pseudopotentials_not_found: 'the configured pseudopotentials are not there',
  work_folder_unwritable: 'the work folder cannot be written',
  slurm_error: 'SLURM does not answer, or refuses a job',
  invalid_setting: 'a setting has an impossible value',
  bad_results_file: 'a file of results holds something else',
  other_label_set: 'a file of results belongs to other settings or pseudopotentials',
  duplicate_id: 'two crystals have the same id',
  nothing_to_verify: 'no crystal with a label that can be compared',
} as const

export type DftErrorCode = keyof typeof DFT_ERRORS

/** An error of the runner; the message says what, where and how to mend it. */
export class DftError extends Error {
  override readonly name = 'DftError'

  constructor(
    readonly code: DftErrorCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options)
  }
}
