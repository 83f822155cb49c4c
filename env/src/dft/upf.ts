import { elementIndex } from '@unitcell/datasets'
import { DftError } from './errors.js'

/** What the header of a UPF file says. */
export interface UpfHeader {
  readonly symbol: string
  readonly zValence: number
  /** `NC` (norm-conserving), `US` (ultrasoft), `PAW`, as the file says. */
  readonly pseudoType: string
  /** The exchange-correlation functional as the file says, blanks collapsed. */
  readonly functional: string
}

/** The header's place in a UPF file varies; the longest comment before it in use is far below this. */
const headerSearchBytes = 4 * 1024 * 1024

/**
 * Reads the header of a UPF file, version 1 (`value  Label` lines) or 2 (attributes).
 *
 * @param file name for messages
 * @throws DftError `bad_pseudopotential` where a field is missing, the element is none of the 88, or the functional is
 *   not PBE (pw.x takes the functional from this file)
 */
export function readUpfHeader(content: Buffer, file: string): UpfHeader {
  const text = content.toString('latin1', 0, headerSearchBytes)
  const start = text.search(/<PP_HEADER[\s>]/)
  if (start < 0) throw bad(file, 'it has no PP_HEADER, so it is no UPF file')
  const opening = text.slice(start, text.indexOf('>', start))
  const fields = opening.includes('=') ? attributes(opening) : labelledLines(text.slice(start))
  const symbol = fields.element && fields.element.charAt(0).toUpperCase() + fields.element.slice(1).toLowerCase()
  if (!symbol || elementIndex(symbol) === undefined) throw bad(file, `its element is "${fields.element ?? ''}"`)
  const zValence = Number(fields.zValence?.replace(/[dD]/, 'e'))
  if (!(zValence > 0 && zValence < 119))
    throw bad(file, `its number of valence electrons is "${fields.zValence ?? ''}"`)
  const functional = (fields.functional ?? '').trim().replace(/\s+/g, ' ')
  if (!/\bPBE\b/i.test(functional) && !/PBX[\s+-]+PBC/i.test(functional)) {
    throw bad(file, `its functional is "${functional}", and every label here is PBE`)
  }
  return { symbol, zValence, pseudoType: fields.pseudoType ?? 'unknown', functional }
}

interface RawFields {
  readonly element: string | undefined
  readonly zValence: string | undefined
  readonly pseudoType: string | undefined
  readonly functional: string | undefined
}

function attributes(opening: string): RawFields {
  const value = (name: string) => new RegExp(`\\b${name}\\s*=\\s*["']([^"']*)["']`).exec(opening)?.[1].trim()
  return {
    element: value('element'),
    zValence: value('z_valence'),
    pseudoType: value('pseudo_type'),
    functional: value('functional'),
  }
}

function labelledLines(header: string): RawFields {
  const value = (label: RegExp) => label.exec(header)?.[1].trim()
  return {
    element: value(/^\s*([A-Za-z]{1,2})\s+Element\b/m),
    zValence: value(/^\s*(\S+)\s+Z valence/m),
    pseudoType: value(/^\s*(\S+)\s+(?:Ultrasoft|Norm|.*pseudopotential)/m),
    functional: value(/^(.*?)\s+Exchange-Correlation/m),
  }
}

function bad(file: string, what: string): DftError {
  return new DftError(
    'bad_pseudopotential',
    `pseudopotential ${file}: ${what} (replace the file, or remove it from the folder)`,
  )
}
