import type { ScfProgress } from './output.js'
import type { RunFolder } from './run-folder.js'

/** How far a run has come. */
export interface RunProgress extends ScfProgress {
  readonly elapsedSeconds: number
}

export interface LaunchOptions {
  /** Wall-clock seconds after which the run is ended. */
  readonly timeLimitSeconds: number
  /** Called for every step of the self-consistent field, from its start to the end of the run. */
  readonly onProgress?: ((progress: RunProgress) => void) | undefined
}

/** How a run ended. What it left is in its folder. */
export interface RunEnd {
  readonly exitCode: number | null
  readonly signal: string | null
  /** What ended it from outside; null where it ended by itself. */
  readonly stoppedBy: 'time_limit' | 'cancelled' | 'node_failed' | 'out_of_memory' | null
  /** What the launcher knows of an end that the run's own files do not tell. */
  readonly detail?: string | undefined
  readonly wallSeconds: number
}

/** A started run. */
export interface RunHandle {
  /** Settles once no process of the run is left; it never rejects. */
  readonly ended: Promise<RunEnd>
  /** Ends the run; harmless when it has ended. */
  cancel(): void
}

/** Starts runs somewhere. A launcher may be used for any number of runs at once. */
export interface Launcher {
  /** Kept in the record of its runs. */
  readonly name: string
  /**
   * The version of the pw.x that it starts, such as `6.7MaX`.
   *
   * @throws DftError `pw_missing`
   */
  version(): Promise<string>
  /**
   * Starts pw.x in a run folder.
   *
   * @throws DftError `pw_missing`
   */
  start(folder: RunFolder, options: LaunchOptions): Promise<RunHandle>
  /**
   * Takes over a run that a server which is gone has started: it is awaited like any other, and may have ended already.
   * Null where there is no such run any more. Only for launchers whose runs can be worth waiting for.
   */
  adopt?(folder: RunFolder, options: LaunchOptions): Promise<RunHandle | null>
  /** Ends runs whose server is gone and removes their folders; those of a living server stay. Returns how many. */
  reapOrphans(workFolder: string): Promise<number>
}

/**
 * After how many seconds pw.x is to stop by itself: a little before the time limit, so that it can finish its files
 * (660 for the paper's 720).
 */
export function maxSeconds(timeLimitSeconds: number): number {
  return Math.max(0.1, timeLimitSeconds - Math.min(60, timeLimitSeconds / 12))
}
