import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { SYMBOLS, type Structure } from '@unitcell/datasets'
import { DftError } from './errors.js'
import { classifyRun, dftFailure, type DftFailure } from './failure.js'
import { distinctSymbols, pwInput } from './input.js'
import { labelSet, labelSetIdentity, type LabelSet } from './label-set.js'
import { maxSeconds, type Launcher, type RunProgress } from './launcher.js'
import { LocalLauncher } from './local-launcher.js'
import { OrphanRuns } from './orphan-runs.js'
import { parsePwData, parsePwOutput } from './output.js'
import { structureFailure } from './prechecks.js'
import { PROFILES, bandCount, type Profile } from './profile.js'
import type { PseudopotentialSet } from './pseudopotentials.js'
import { RunFolder, checkWorkFolder, defaultWorkFolder } from './run-folder.js'

/** The paper's limit for generated crystals, seconds. */
export const DEFAULT_TIME_LIMIT_SECONDS = 720

export interface DftRunnerOptions {
  readonly pseudopotentials: PseudopotentialSet
  /** Default `fast`. */
  readonly profile?: Profile
  /** Default: pw.x of the search path on this machine. */
  readonly launcher?: Launcher
  /** Default: a folder below the system's for temporary files. */
  readonly workFolder?: string
  /**
   * Total magnetisations, in Bohr magnetons, for crystals with an odd number of electrons, each odd. Default [1]: the
   * paper's, one unpaired electron. With more than one, every one is run and the lowest energy is the result.
   */
  readonly magnetizations?: readonly number[]
}

export interface DftRunOptions {
  /** Seconds of wall time for one run of pw.x. Default 720. */
  readonly timeLimitSeconds?: number | undefined
  /** Ends the run; the result is then the failure `cancelled`. */
  readonly signal?: AbortSignal | undefined
  readonly onProgress?: ((progress: RunProgress) => void) | undefined
  /** Kept in the run's record, for people. */
  readonly key?: string | undefined
  /** Changes the input text before the run, for experiments beyond the label set; such a result is no label. */
  readonly editInput?: ((input: string) => string) | undefined
}

/** What is known of a run however it ends. */
interface DftRunFacts {
  /** Valence electrons of the cell; null where they cannot be counted. */
  readonly electrons: number | null
  readonly nspin: 1 | 2 | null
  /** Bohr magnetons per cell. */
  readonly totalMagnetization: number | null
  readonly bands: number | null
  /** Of all runs made for this result, pw.x's own count. */
  readonly cpuSeconds: number
  readonly wallSeconds: number
  readonly pwVersion: string
  /** SHA-256 of the label set, restricted to the crystal's elements. */
  readonly labelSet: string
}

export interface DftConverged extends DftRunFacts {
  readonly status: 'converged'
  /** Of the cell. */
  readonly totalEnergyRy: number
  /** max(0, signedGapEv). */
  readonly bandGapEv: number
  /** Lowest unoccupied less highest occupied level over all k points and both spins. */
  readonly signedGapEv: number
  readonly electrons: number
  readonly nspin: 1 | 2
  readonly totalMagnetization: number
  readonly bands: number
  readonly kPoints: number
  readonly scfIterations: number
}

export interface DftFailed extends DftRunFacts {
  readonly status: 'failed'
  readonly failure: DftFailure
}

export type DftResult = DftConverged | DftFailed

/** Computes energy and band gap of crystals with pw.x under one label set. */
export class DftRunner {
  /** SHA-256 of the whole label set. */
  readonly identity: string

  private constructor(
    readonly labelSet: LabelSet,
    private readonly profile: Profile,
    private readonly pseudopotentials: PseudopotentialSet,
    private readonly launcher: Launcher,
    private readonly workFolder: string,
    private readonly orphans: OrphanRuns,
  ) {
    this.identity = labelSetIdentity(labelSet)
  }

  /**
   * Asks pw.x for its version, makes the work folder, and looks for what a killed server left there: runs of a launcher
   * that can take them over wait to be asked for, the rest is cleared away.
   *
   * @throws DftError `pw_missing`, `work_folder_unwritable`, `slurm_error`, `invalid_setting`
   */
  static async create(options: DftRunnerOptions): Promise<DftRunner> {
    const {
      pseudopotentials,
      profile = PROFILES.fast,
      launcher = new LocalLauncher(),
      workFolder = defaultWorkFolder(),
      magnetizations = [1],
    } = options
    const odd = (value: number) => Number.isInteger(value) && Math.abs(value % 2) === 1
    if (magnetizations.length === 0 || !magnetizations.every(odd)) {
      const given = magnetizations.join(', ') || 'nothing'
      throw new DftError('invalid_setting', `magnetisations for odd electron counts are ${given} (use odd integers)`)
    }
    const version = await launcher.version()
    await checkWorkFolder(workFolder)
    const orphans = await OrphanRuns.find(launcher, workFolder)
    const set = labelSet(profile, pseudopotentials, version, magnetizations)
    return new DftRunner(set, profile, pseudopotentials, launcher, workFolder, orphans)
  }

  /** Identity of the label set restricted to a structure's elements: the part of a cache key that is not the crystal. */
  identityFor(structure: Structure): string {
    return labelSetIdentity(this.labelSet, distinctSymbols(structure))
  }

  /**
   * What is wrong with a structure before any run, or null: no crystal, too close atoms, an element without
   * pseudopotential, too many electrons for the profile's bands.
   */
  precheck(structure: Structure): DftFailure | null {
    const failure = structureFailure(structure)
    if (failure) return failure
    const missing = distinctSymbols(structure).filter((symbol) => !this.pseudopotentials.has(symbol))
    if (missing.length > 0) return dftFailure('missing_pseudopotential', missing.join(' '))
    const electrons = this.electrons(structure)!
    const [magnetization] = this.spinStates(electrons)
    const bands = bandCount(this.profile.bands, electrons, magnetization)
    return 2 * bands < electrons + magnetization
      ? dftFailure('too_few_bands', `${bands} for ${electrons} electrons`)
      : null
  }

  /**
   * Runs one crystal. A failed calculation is a result; only what is wrong with the machine or the set-up is thrown.
   *
   * @throws DftError `pw_missing`, `bad_pseudopotential`, `work_folder_unwritable`, `slurm_error`
   */
  async run(structure: Structure, options: DftRunOptions = {}): Promise<DftResult> {
    const timeLimitSeconds = options.timeLimitSeconds ?? DEFAULT_TIME_LIMIT_SECONDS
    if (!(timeLimitSeconds > 0)) {
      throw new DftError('invalid_setting', `the time limit is ${timeLimitSeconds} seconds (use a positive number)`)
    }
    const failure = this.precheck(structure)
    if (failure) return this.failed(failure, structure)
    const electrons = this.electrons(structure)!
    const results: DftResult[] = []
    for (const magnetization of this.spinStates(electrons)) {
      const result = await this.runSpinState(structure, electrons, magnetization, timeLimitSeconds, options)
      results.push(result)
      if (result.status === 'failed' && result.failure.code === 'cancelled') break
    }
    return best(results)
  }

  /** Valence electrons of a cell; null where an element has no pseudopotential. */
  electrons(structure: Structure): number | null {
    let sum = 0
    for (const element of structure.species) {
      const symbol = SYMBOLS[element]
      if (!this.pseudopotentials.has(symbol)) return null
      sum += this.pseudopotentials.get(symbol).zValence
    }
    return sum
  }

  /** Total magnetisations to run; 0 is not spin-polarised. */
  private spinStates(electrons: number): readonly number[] {
    return electrons % 2 === 1 ? this.labelSet.magnetizations : [0]
  }

  private async runSpinState(
    structure: Structure,
    electrons: number,
    totalMagnetization: number,
    timeLimitSeconds: number,
    { signal, onProgress, key = '', editInput = (input) => input }: DftRunOptions,
  ): Promise<DftResult> {
    const nspin = totalMagnetization === 0 ? 1 : 2
    const bands = bandCount(this.profile.bands, electrons, totalMagnetization)
    if (signal?.aborted) return this.failed(dftFailure('cancelled'), structure)
    const pseudoFile = (symbol: string) => `${symbol}.${this.pseudopotentials.kind === 'gth' ? 'gth' : 'UPF'}`
    const { cutoffs } = this.labelSet
    const settings = { profile: this.profile, cutoffs, bands, nspin, totalMagnetization, pseudoFile } as const
    const input = editInput(pwInput(structure, { ...settings, maxSeconds: maxSeconds(timeLimitSeconds) }))
    const store = join(this.workFolder, 'pseudo')
    const pseudopotentials = await Promise.all(
      distinctSymbols(structure).map(async (symbol) => {
        return { name: pseudoFile(symbol), path: await this.pseudopotentials.place(symbol, store) }
      }),
    )
    // The label set names the files and the program behind the names in the input.
    const fingerprint = createHash('sha256')
      .update(`${this.identityFor(structure)}\n${input}`)
      .digest('hex')
    const launch = { timeLimitSeconds, onProgress }
    const adopted = await this.orphans.adopt(fingerprint, launch)
    const content = { key, launcher: this.launcher.name, fingerprint, input, pseudopotentials }
    const folder = adopted?.folder ?? (await RunFolder.create(this.workFolder, content))
    try {
      const handle = adopted?.handle ?? (await this.launcher.start(folder, launch))
      const cancel = () => handle.cancel()
      if (signal?.aborted) cancel()
      signal?.addEventListener('abort', cancel, { once: true })
      const end = await handle.ended.finally(() => signal?.removeEventListener('abort', cancel))
      const files = await folder.readFiles()
      const output = parsePwOutput(files.stdout)
      const data = parsePwData(files.xml)
      const cpuSeconds = data?.cpuSeconds ?? output.cpuSeconds ?? 0
      const { wallSeconds } = end
      const facts = { electrons, nspin, totalMagnetization, bands, cpuSeconds, wallSeconds } as const
      const failure = classifyRun(end, files, output, data?.converged ?? false)
      if (failure || !data) return this.failed(failure ?? dftFailure('no_result', 'no data file'), structure, facts)
      const { highestOccupiedEv, lowestUnoccupiedEv } = data
      if (highestOccupiedEv === null || lowestUnoccupiedEv === null) {
        return this.failed(dftFailure('no_empty_band', `${bands} bands for ${electrons} electrons`), structure, facts)
      }
      const signedGapEv = lowestUnoccupiedEv - highestOccupiedEv
      return {
        status: 'converged',
        totalEnergyRy: data.totalEnergyRy,
        bandGapEv: Math.max(0, signedGapEv),
        signedGapEv,
        ...facts,
        electrons: data.electrons,
        nspin: data.nspin,
        totalMagnetization: data.totalMagnetization,
        bands: data.bands,
        kPoints: data.kPoints,
        scfIterations: data.scfIterations,
        pwVersion: this.labelSet.codeVersion,
        labelSet: this.identityFor(structure),
      }
    } finally {
      await folder.remove()
    }
  }

  private failed(failure: DftFailure, structure: Structure, facts: Partial<DftRunFacts> = {}): DftFailed {
    return {
      status: 'failed',
      failure,
      electrons: null,
      nspin: null,
      totalMagnetization: null,
      bands: null,
      cpuSeconds: 0,
      wallSeconds: 0,
      pwVersion: this.labelSet.codeVersion,
      labelSet: this.identityFor(structure),
      ...facts,
    }
  }
}

/**
 * One result of all spin states: the lowest energy of those that converged, unless one failed in a way that another try
 * might not (a lower energy may be behind it), then that failure; with the time of all.
 */
function best(results: readonly DftResult[]): DftResult {
  const open = results.find((result) => result.status === 'failed' && !result.failure.deterministic)
  const lowest = results
    .filter((result) => result.status === 'converged')
    .reduce<DftConverged | null>(
      (low, result) => (low && low.totalEnergyRy <= result.totalEnergyRy ? low : result),
      null,
    )
  const chosen = open ?? lowest ?? results[0]
  const total = (seconds: (result: DftResult) => number) => results.reduce((sum, result) => sum + seconds(result), 0)
  return { ...chosen, cpuSeconds: total((r) => r.cpuSeconds), wallSeconds: total((r) => r.wallSeconds) }
}
