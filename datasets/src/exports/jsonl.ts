import { gzipSync } from 'node:zlib'
import { writeFileAtomically } from '../store/atomic-output.js'
import type { OutputFile } from '../store/output-file.js'
import type { Episodes } from './episodes.js'
import type { FormatOptions } from './format-options.js'
import { crystalRow, crystalsPath, transitionRows } from './rows.js'

/** Lines of one gzip member. */
const LINES_AT_A_TIME = 20_000

/** Writes a line per transition to `path`, and a line per crystal beside it (`crystalsPath`); gzip if it ends in `.gz`. */
export async function writeJsonl(path: string, episodes: Episodes, { onEpisodes }: FormatOptions): Promise<void> {
  await writeFileAtomically(crystalsPath(path), async (crystalsFile) => {
    await writeFileAtomically(path, async (file) => {
      const transitions = new Lines(file, path.endsWith('.gz'))
      const crystals = new Lines(crystalsFile, path.endsWith('.gz'))
      let index = 0
      for (const group of episodes.groups()) {
        crystals.add(crystalRow(group, index))
        for (const episode of group.episodes) for (const row of transitionRows(episode, index)) transitions.add(row)
        index++
        await onEpisodes(group.episodes.length)
      }
      transitions.flush()
      crystals.flush()
    })
  })
}

class Lines {
  private lines: string[] = []

  constructor(
    private readonly file: OutputFile,
    private readonly isGzip: boolean,
  ) {}

  add(row: object): void {
    this.lines.push(`${JSON.stringify(row)}\n`)
    if (this.lines.length === LINES_AT_A_TIME) this.flush()
  }

  flush(): void {
    const text = Buffer.from(this.lines.join(''))
    this.file.append(this.isGzip ? gzipSync(text) : text)
    this.lines = []
  }
}
