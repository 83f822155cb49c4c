import { SYMBOLS, siteCount, type Structure } from '@unitcell/datasets'
import type { Profile } from './profile.js'
import type { Cutoffs } from './pseudopotentials.js'

/** Prefix of everything pw.x writes, and the folder (in the run's own) it writes to. */
export const PREFIX = 'x'
export const OUTPUT_FOLDER = 'tmp'
/** The folder, in the run's own, that holds the run's pseudopotentials. */
export const PSEUDO_FOLDER = 'pseudo'

/** What an input needs beside the structure. */
export interface InputSettings {
  readonly profile: Profile
  readonly cutoffs: Cutoffs
  /** Number of bands, per spin. */
  readonly bands: number
  readonly nspin: 1 | 2
  /** Bohr magnetons; used where nspin is 2. */
  readonly totalMagnetization: number
  /** Seconds after which pw.x stops by itself. */
  readonly maxSeconds: number
  /** Name, in `PSEUDO_FOLDER`, of the pseudopotential of an element. */
  readonly pseudoFile: (symbol: string) => string
}

/** Symbols of a structure's elements by atomic number, each once. Every site must be filled. */
export function distinctSymbols(structure: Structure): string[] {
  return [...new Set(structure.species)].sort((a, b) => a - b).map((index) => SYMBOLS[index])
}

/** The input of a self-consistent pw.x run of a filled structure. Numbers keep full double precision: pw.x finds symmetry by them. */
export function pwInput(structure: Structure, settings: InputSettings): string {
  const { profile, cutoffs } = settings
  const symbols = distinctSymbols(structure)
  const spin = settings.nspin === 2 ? `, nspin=2, tot_magnetization=${settings.totalMagnetization}` : ''
  const { lattice, fracCoords, species } = structure
  const triple = (values: Float64Array, row: number) =>
    Array.from(values.subarray(3 * row, 3 * row + 3), real).join(' ')
  const sites = Array.from(
    { length: siteCount(structure) },
    (_, i) => ` ${SYMBOLS[species[i]]} ${triple(fracCoords, i)}`,
  )
  // The masses play no part in a fixed-geometry run.
  return `&CONTROL
 calculation='scf', prefix='${PREFIX}', outdir='./${OUTPUT_FOLDER}', pseudo_dir='./${PSEUDO_FOLDER}', verbosity='high', disk_io='low', max_seconds=${settings.maxSeconds}
/
&SYSTEM
 ibrav=0, nat=${sites.length}, ntyp=${symbols.length}, ecutwfc=${cutoffs.ecutwfcRy}, ecutrho=${cutoffs.ecutrhoRy}, occupations='${profile.occupations}', nbnd=${settings.bands}${spin}
/
&ELECTRONS
 conv_thr=${profile.convergenceThresholdRy.toExponential(1).replace('e', 'd')}, mixing_beta=${profile.mixingBeta}, electron_maxstep=${profile.maxScfIterations}, diagonalization='${profile.diagonalization}'
/
ATOMIC_SPECIES
${symbols.map((symbol) => ` ${symbol} 1.0 ${settings.pseudoFile(symbol)}`).join('\n')}
K_POINTS automatic
 ${profile.kGrid.join(' ')} 0 0 0
CELL_PARAMETERS angstrom
${[0, 1, 2].map((row) => ` ${triple(lattice, row)}`).join('\n')}
ATOMIC_POSITIONS crystal
${sites.join('\n')}
`
}

function real(value: number): string {
  return String(value).replace('e', 'd')
}
