import { readFile } from 'node:fs/promises'
import { ELEMENTS } from '@unitcell/datasets'
import { DftError } from './errors.js'

/** Where Debian's package `cp2k-data` puts the Goedecker-Teter-Hutter parameters. */
export const GTH_POTENTIALS_FILE = '/usr/share/cp2k/GTH_POTENTIALS'

/**
 * Cutoffs for GTH-PBE, for every element alike: total energies of crystals can be compared only at one cutoff, so it has
 * to suit the hardest of them (O, F and the 3d metals). Norm-conserving, so the density needs 4 times that of the waves.
 */
export const GTH_CUTOFFS = { ecutwfcRy: 90, ecutrhoRy: 360 } as const

/** The projectors of one angular momentum. */
interface GthChannel {
  readonly radiusBohr: number
  /** Upper triangle of the symmetric matrix of coefficients h_ij, row by row: n, n - 1, ..., 1 numbers. */
  readonly coefficients: readonly (readonly number[])[]
}

/** Parameters of one GTH pseudopotential (Goedecker, Teter and Hutter, Phys. Rev. B 54, 1703 (1996)). */
export interface GthPotential {
  readonly symbol: string
  readonly valenceElectrons: number
  readonly localRadiusBohr: number
  readonly localCoefficients: readonly number[]
  readonly channels: readonly GthChannel[]
}

/**
 * Reads CP2K's `GTH_POTENTIALS` and keeps, for each of the 88 elements that has one, the GTH-PBE potential of the
 * smallest valence.
 *
 * @throws DftError `pseudopotentials_not_found` where the file is absent, `bad_pseudopotential` where it is malformed
 */
export async function readGthPotentials(file: string = GTH_POTENTIALS_FILE): Promise<Map<string, GthPotential>> {
  let text: string
  try {
    text = await readFile(file, 'utf8')
  } catch (cause) {
    const hint = 'apt-get install cp2k-data, or name a folder of UPF files'
    throw new DftError('pseudopotentials_not_found', `GTH parameters ${file} cannot be read (${hint})`, { cause })
  }
  return parseGthPotentials(text, file)
}

/** As `readGthPotentials`, from the file's text. */
export function parseGthPotentials(text: string, file: string): Map<string, GthPotential> {
  const potentials = new Map<string, GthPotential>()
  const lines = text.split('\n')
  for (let i = 0; i < lines.length; i++) {
    const heading = /^([A-Z][a-z]?)\s+GTH-PBE-q(\d+)(?:\s|$)/.exec(lines[i])
    if (!heading || !ELEMENTS.some((element) => element.symbol === heading[1])) continue
    const potential = parseEntry(heading[1], Number(heading[2]), entryNumbers(lines, i + 1), `${file}:${i + 1}`)
    const known = potentials.get(potential.symbol)
    if (!known || potential.valenceElectrons < known.valenceElectrons) potentials.set(potential.symbol, potential)
  }
  if (potentials.size === 0) throw malformed(file, 'it holds no GTH-PBE potential')
  return potentials
}

interface EntryNumbers {
  readonly configuration: readonly number[]
  readonly rest: readonly number[]
}

/** All numbers up to the next comment: the first line is the electron configuration, the rest is read as a stream. */
function entryNumbers(lines: readonly string[], from: number): EntryNumbers {
  const numbers: number[][] = []
  for (let i = from; i < lines.length && /^\s+\S/.test(lines[i]); i++) {
    numbers.push(lines[i].trim().split(/\s+/).map(Number))
  }
  return { configuration: numbers[0] ?? [], rest: numbers.slice(1).flat() }
}

function parseEntry(symbol: string, valenceElectrons: number, numbers: EntryNumbers, place: string): GthPotential {
  const electrons = numbers.configuration.reduce((sum, n) => sum + n, 0)
  if (electrons !== valenceElectrons) {
    throw malformed(place, `the configuration of ${symbol} sums to ${electrons}, not to ${valenceElectrons} electrons`)
  }
  let position = 0
  const next = () => {
    const value = numbers.rest[position++]
    if (value === undefined || !Number.isFinite(value))
      throw malformed(place, `number ${position} of ${symbol} is missing`)
    return value
  }
  const localRadiusBohr = next()
  const localCoefficients = Array.from({ length: next() }, next)
  const channels = Array.from({ length: next() }, () => {
    const radiusBohr = next()
    const size = next()
    // Written by rows of the upper triangle; the first row follows the size on the same line.
    const coefficients = Array.from({ length: size }, (_, row) => Array.from({ length: size - row }, next))
    return { radiusBohr, coefficients }
  })
  if (position !== numbers.rest.length) throw malformed(place, `${symbol} has more numbers than its sizes announce`)
  return { symbol, valenceElectrons, localRadiusBohr, localCoefficients, channels }
}

/**
 * The potential in ABINIT's pspcod-10 layout, which pw.x reads from a file named `*.gth`. Each channel above s is
 * followed by a zero triangle (spin-orbit coefficients); a potential without channels gets one of strength zero, since
 * the reader expects at least one.
 */
export function gthFileText(potential: GthPotential): string {
  const { symbol, valenceElectrons, localRadiusBohr, localCoefficients } = potential
  const atomicNumber = ELEMENTS.find((element) => element.symbol === symbol)!.atomicNumber
  const channels = potential.channels.length > 0 ? potential.channels : [{ radiusBohr: 0.2, coefficients: [[0]] }]
  const lines = [
    `GTH-PBE ${symbol} q${valenceElectrons} converted from CP2K`,
    ` ${atomicNumber} ${valenceElectrons} 20260101 zatom,zion,pspdat`,
    ` 10 11 ${channels.length - 1} 0 2001 0 pspcod,pspxc,lmax,lloc,mmax,r2well`,
    ` ${[localRadiusBohr.toFixed(8), localCoefficients.length, ...localCoefficients.map(decimal)].join(' ')}`,
    `${channels.length}`,
  ]
  channels.forEach(({ radiusBohr, coefficients }, l) => {
    const size = coefficients.length
    lines.push(` ${[radiusBohr.toFixed(8), size, ...(coefficients[0] ?? []).map(decimal)].join(' ')}`)
    for (const row of coefficients.slice(1)) lines.push(`  ${row.map(decimal).join(' ')}`)
    if (l > 0) for (const row of coefficients) lines.push(`  ${row.map(() => '0.0').join(' ')}`)
  })
  return lines.join('\n') + '\n'
}

function decimal(value: number): string {
  return value.toFixed(8)
}

function malformed(place: string, what: string): DftError {
  return new DftError('bad_pseudopotential', `GTH parameters ${place}: ${what} (reinstall cp2k-data)`)
}
