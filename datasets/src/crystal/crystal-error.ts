/** Why a crystal, or a file of crystals, is refused. Codes are stable; texts may change. */
export type CrystalErrorCode =
  /** The text breaks its format, a required field is missing, or a value has the wrong type or range. */
  | 'unparsable'
  /** A site holds less than one atom, or a mixture. */
  | 'partial_occupancy'
  /** The lattice vectors span no volume. */
  | 'no_volume'
  /** Two sites, periodic images included, are closer than `MIN_DISTANCE_ANGSTROM`. */
  | 'coincident_sites'
  /** A symbol that is none of the 88 elements. */
  | 'unknown_element'
  | 'too_many_sites'
  | 'no_sites'
  /** The file cannot be opened, read or unpacked. */
  | 'unreadable_file'
  /** The file is in none of the known formats. */
  | 'unknown_format'

/** The message reads `<what> (<how to mend it>)`; file and line are added by `at`. */
export class CrystalError extends Error {
  readonly code: CrystalErrorCode
  /** The field, column or CIF tag at fault, where there is one. */
  readonly field: string | null

  constructor(
    code: CrystalErrorCode,
    private readonly what: string,
    private readonly fix: string,
    field: string | null = null,
  ) {
    super(`${what} (${fix})`)
    this.name = 'CrystalError'
    this.code = code
    this.field = field
  }

  /** The same error with its place, `<file>:<line>: <what> (<how to mend it>)`. */
  at(file: string, line: number): CrystalError {
    return new CrystalError(this.code, `${file}:${line}: ${this.what}`, this.fix, this.field)
  }
}

/** A value from outside as a short piece of text, for messages. */
export function quote(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value)
  return text.length > 60 ? `${text.slice(0, 57)}...` : text
}
