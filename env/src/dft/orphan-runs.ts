import type { LaunchOptions, Launcher, RunHandle } from './launcher.js'
import { isRunning } from './process.js'
import { RunFolder, findRuns, type FoundRun } from './run-folder.js'

/** How long the runs of a dead server are kept for somebody to ask for them again. */
const keepSeconds = 600

/**
 * The runs of a server that is gone. Where the launcher can take them over they go on, and whoever asks for the same
 * calculation within ten minutes gets theirs; the rest, and all of any other launcher, are ended.
 */
export class OrphanRuns {
  private constructor(
    private readonly launcher: Launcher,
    /** By fingerprint. */
    private readonly runs: Map<string, FoundRun>,
  ) {}

  static async find(launcher: Launcher, workFolder: string): Promise<OrphanRuns> {
    const runs = new Map<string, FoundRun>()
    if (!launcher.adopt) {
      await launcher.reapOrphans(workFolder)
      return new OrphanRuns(launcher, runs)
    }
    for (const run of await findRuns(workFolder)) {
      const { record } = run
      if (record?.fingerprint === undefined || record.launcher !== launcher.name) continue
      if (!(await isRunning(record.owner))) runs.set(record.fingerprint, run)
    }
    const reap = () => {
      runs.clear()
      // What cannot be ended now is found again by the next server.
      launcher.reapOrphans(workFolder).catch(() => undefined)
    }
    setTimeout(reap, 1000 * keepSeconds).unref()
    return new OrphanRuns(launcher, runs)
  }

  /**
   * Takes over the run of that fingerprint; null where there is none, or none any more.
   *
   * @throws whatever the launcher's `adopt` does
   */
  async adopt(
    fingerprint: string,
    options: LaunchOptions,
  ): Promise<{ readonly folder: RunFolder; readonly handle: RunHandle } | null> {
    const found = this.runs.get(fingerprint)
    if (!found?.record || !this.launcher.adopt) return null
    this.runs.delete(fingerprint)
    const folder = await RunFolder.adopt(found.path, found.record).catch(() => null)
    if (folder === null) return null
    const handle = await this.launcher.adopt(folder, options).catch((error: unknown) => {
      // Somebody may ask again.
      this.runs.set(fingerprint, found)
      throw error
    })
    if (handle !== null) return { folder, handle }
    await folder.remove()
    return null
  }
}
