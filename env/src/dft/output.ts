/** Exact: a Hartree is two Rydberg. */
const rydbergPerHartree = 2
/** CODATA 2018. */
const electronvoltPerHartree = 27.211386245988

/** What the text report of pw.x says; `null` where it does not. */
export interface PwOutput {
  /** As printed, such as `6.7MaX`. */
  readonly version: string | null
  readonly cores: number | null
  readonly atoms: number | null
  readonly electrons: number | null
  readonly nspin: 1 | 2 | null
  readonly bands: number | null
  readonly kPoints: number | null
  readonly ecutwfcRy: number | null
  readonly ecutrhoRy: number | null
  /** The final energy (the line with the exclamation mark), Ry. */
  readonly totalEnergyRy: number | null
  readonly highestOccupiedEv: number | null
  readonly lowestUnoccupiedEv: number | null
  readonly fermiEv: number | null
  /** Bohr magnetons per cell. */
  readonly totalMagnetization: number | null
  /** Iterations to convergence. */
  readonly scfIterations: number | null
  /** Iterations after which pw.x gave up. */
  readonly notConvergedAfter: number | null
  readonly error: { readonly routine: string; readonly message: string } | null
  readonly jobDone: boolean
  readonly wallSeconds: number | null
  /** Total at the end, or the last time mentioned on the way. */
  readonly cpuSeconds: number | null
}

/** Reads a report of pw.x 6.7 to 7.x, whole or cut off anywhere. */
export function parsePwOutput(text: string): PwOutput {
  const first = (pattern: RegExp) => pattern.exec(text)?.[1] ?? null
  const last = (pattern: RegExp) => [...text.matchAll(pattern)].at(-1) ?? null
  const electrons = numeric(first(/number of electrons\s+=\s+(\S+)/))
  const levels = last(/highest occupied, lowest unoccupied level \(ev\):\s*(-?\d+\.\d{4})\s*(-?\d+\.\d{4})/g)
  const highestOnly = last(/highest occupied level \(ev\):\s*(-?\d+\.\d{4})/g)
  const spinPolarized = /number of electrons\s+=.*\(up:/.test(text)
  const error = /Error in routine\s+(\S+ *\(-?\d+\)):\s*\n\s*(.*)/.exec(text)
  const times = last(/^\s*PWSCF\s+:\s+(.*?) CPU\s+(.*?) WALL/gm)
  return {
    version: first(/Program PWSCF v\.(\S+)/),
    cores: numeric(first(/running on\s+(\d+) processor/)) ?? (/Serial version/.test(text) ? 1 : null),
    atoms: numeric(first(/number of atoms\/cell\s+=\s+(\d+)/)),
    electrons,
    nspin: electrons === null ? null : spinPolarized ? 2 : 1,
    bands: numeric(first(/number of Kohn-Sham states=\s*(\d+)/)),
    kPoints: numeric(first(/number of k points=\s*(\d+)/)),
    ecutwfcRy: numeric(first(/kinetic-energy cutoff\s+=\s+(\S+)/)),
    ecutrhoRy: numeric(first(/charge density cutoff\s+=\s+(\S+)/)),
    totalEnergyRy: numeric(last(/^!\s+total energy\s+=\s+(\S+) Ry/gm)?.[1]),
    highestOccupiedEv: numeric(levels?.[1] ?? highestOnly?.[1]),
    lowestUnoccupiedEv: numeric(levels?.[2]),
    fermiEv: numeric(last(/the Fermi energy is\s+(\S+) ev/g)?.[1]),
    totalMagnetization: spinPolarized ? numeric(last(/total magnetization\s+=\s+(\S+) Bohr/g)?.[1]) : null,
    scfIterations: numeric(first(/convergence has been achieved in\s+(\d+) iterations/)),
    notConvergedAfter: numeric(first(/convergence NOT achieved after\s+(\d+) iterations/)),
    error: error && { routine: error[1], message: error[2].trim() },
    jobDone: text.includes('JOB DONE'),
    wallSeconds: times && duration(times[2]),
    cpuSeconds: times ? duration(times[1]) : numeric(last(/total cpu time spent up to now is\s+(\S+) secs/g)?.[1]),
  }
}

function numeric(text: string | null | undefined): number | null {
  if (text === null || text === undefined) return null
  const value = Number(text)
  return Number.isFinite(value) ? value : null
}

/** Seconds of `29.74s`, `1m49.91s`, `1h54m` or `1d 2h 3m`. */
function duration(text: string): number | null {
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)\s*([dhms])/g)]
  if (parts.length === 0) return null
  const seconds: Record<string, number> = { d: 86400, h: 3600, m: 60, s: 1 }
  // Sums of decimals: rounded to the digits that pw.x prints.
  return Math.round(100 * parts.reduce((sum, part) => sum + Number(part[1]) * seconds[part[2]], 0)) / 100
}

/** What the XML data file says of a run, in the units of labels. */
export interface PwData {
  readonly version: string
  readonly converged: boolean
  readonly scfIterations: number
  readonly totalEnergyRy: number
  readonly electrons: number
  readonly nspin: 1 | 2
  readonly bands: number
  readonly kPoints: number
  /** Over all k points and both spins, eV. */
  readonly highestOccupiedEv: number | null
  readonly lowestUnoccupiedEv: number | null
  /** Bohr magnetons per cell. */
  readonly totalMagnetization: number
  readonly cpuSeconds: number | null
  readonly wallSeconds: number | null
}

/**
 * Reads the XML data file of pw.x 6.7 to 7.x (schema qes); null where it is cut off or lacks what every finished run
 * states. Its `<status>` is left alone: it is 0 whatever happened.
 */
export function parsePwData(xml: string): PwData | null {
  const output = /<output>[^]*<\/output>/.exec(xml)?.[0]
  if (output === undefined || !xml.includes('</qes:espresso>')) return null
  const bandStructure = /<band_structure>[^]*?<\/band_structure>/.exec(output)?.[0] ?? ''
  const hartreeEv = (tag: string) => {
    const value = content(bandStructure, tag)
    return value === null ? null : value * electronvoltPerHartree
  }
  const energy = content(output, 'etot')
  const scfIterations = content(output, 'n_scf_steps')
  const electrons = content(bandStructure, 'nelec')
  const bands = content(bandStructure, 'nbnd') ?? content(bandStructure, 'nbnd_up')
  const kPoints = content(bandStructure, 'nks')
  if (energy === null || scfIterations === null || electrons === null || bands === null || kPoints === null) return null
  const timing = /<timing_info>[^]*?<total\b[^>]*>([^]*?)<\/total>/.exec(xml)?.[1] ?? ''
  return {
    version: /<creator\b[^>]*\bVERSION="([^"]*)"/.exec(xml)?.[1] ?? 'unknown',
    converged: /<convergence_achieved>\s*true\s*</i.test(output),
    scfIterations,
    totalEnergyRy: energy * rydbergPerHartree,
    electrons,
    nspin: /<lsda>\s*true\s*</i.test(bandStructure) ? 2 : 1,
    bands,
    kPoints,
    highestOccupiedEv: hartreeEv('highestOccupiedLevel'),
    lowestUnoccupiedEv: hartreeEv('lowestUnoccupiedLevel'),
    totalMagnetization: content(/<magnetization>[^]*?<\/magnetization>/.exec(output)?.[0] ?? '', 'total') ?? 0,
    cpuSeconds: content(timing, 'cpu'),
    wallSeconds: content(timing, 'wall'),
  }
}

/** The number in the first element of that name. */
function content(xml: string, tag: string): number | null {
  return numeric(new RegExp(`<${tag}\\b[^>]*>\\s*([^<\\s]+)\\s*</${tag}>`).exec(xml)?.[1])
}

/** How far the self-consistent field has come. */
export interface ScfProgress {
  /** From 1. */
  readonly iteration: number
  /** Estimated accuracy of the last finished iteration, Ry; null before the first. */
  readonly estimatedAccuracyRy: number | null
}

/** Follows a report as it grows: fed with its pieces in order, it keeps the latest progress. */
export class ScfFollower {
  progress: ScfProgress | null = null
  private rest = ''

  /** Takes the next piece; true where it brought progress. */
  feed(piece: string): boolean {
    const lines = (this.rest + piece).split('\n')
    this.rest = lines.pop()!
    let moved = false
    for (const line of lines) {
      const iteration = /^\s+iteration #\s*(\d+)/.exec(line)
      const accuracy = /estimated scf accuracy\s+<\s+(\S+)/.exec(line)
      if (iteration) {
        const estimatedAccuracyRy = this.progress?.estimatedAccuracyRy ?? null
        this.progress = { iteration: Number(iteration[1]), estimatedAccuracyRy }
        moved = true
      } else if (accuracy && this.progress) {
        this.progress = { ...this.progress, estimatedAccuracyRy: numeric(accuracy[1]) }
        moved = true
      }
    }
    return moved
  }
}
