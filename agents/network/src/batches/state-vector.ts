import type { CrystalInput } from './crystal-input.js'

/** What the state vector holds, in this order: a, b, c, alpha, beta, gamma, space group; then what is asked for. */
export interface StateVectorOptions {
  /** `raw`: angstrom, degrees, number, eV (the paper); `normalised`: mean about 0 and spread about 1. */
  readonly scale: 'raw' | 'normalised'
  /** The volume per site. Not in the paper. */
  readonly volume: boolean
  /** The target band gap p_hat. */
  readonly target: boolean
}

/** Means and standard deviations over the 7,062 training crystals of MP-20 nonmetals (`data/mp20-qe`), rounded. */
const LENGTH_ANGSTROM = { mean: 6.6, spread: 2.5 }
const ANGLE_DEGREES = { mean: 90, spread: 17 }
const SPACE_GROUP = { mean: 94, spread: 80 }
/** Of ln(volume per site in cubic angstrom). */
const LOG_VOLUME = { mean: 2.9, spread: 0.44 }
/** The paper's targets are 1.12 to 4 eV. */
const TARGET_EV = { mean: 2, spread: 2 }
const COLUMNS = [
  ...new Array<typeof LENGTH_ANGSTROM>(3).fill(LENGTH_ANGSTROM),
  ...new Array<typeof ANGLE_DEGREES>(3).fill(ANGLE_DEGREES),
  SPACE_GROUP,
]
const VOLUME_COLUMN = COLUMNS.length

/** Numbers in the vector. */
export function stateVectorSize({ volume, target }: StateVectorOptions): number {
  return COLUMNS.length + Number(volume) + Number(target)
}

/**
 * Writes the vector of a crystal.
 *
 * @param target eV; used only where the options want it
 */
export function writeStateVector(
  { cell }: CrystalInput,
  target: number,
  { scale, volume, target: hasTarget }: StateVectorOptions,
  into: Float32Array,
  at: number,
): void {
  const isRaw = scale === 'raw'
  for (let k = 0; k < COLUMNS.length; k++) into[at++] = isRaw ? cell[k] : standard(cell[k], COLUMNS[k])
  if (volume) into[at++] = isRaw ? cell[VOLUME_COLUMN] : standard(Math.log(cell[VOLUME_COLUMN]), LOG_VOLUME)
  if (hasTarget) into[at] = isRaw ? target : standard(target, TARGET_EV)
}

function standard(value: number, { mean, spread }: { readonly mean: number; readonly spread: number }): number {
  return (value - mean) / spread
}
