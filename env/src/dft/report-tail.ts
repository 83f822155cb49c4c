import { open, type FileHandle } from 'node:fs/promises'
import type { RunProgress } from './launcher.js'
import { ScfFollower } from './output.js'

/** Tells of the steps in a growing report. */
export class ReportTail {
  private readonly follower = new ScfFollower()
  private readonly timer: NodeJS.Timeout
  private position = 0
  private reading: Promise<void> = Promise.resolve()

  constructor(
    private readonly path: string,
    private readonly elapsedSeconds: () => number,
    /** Between two looks. */
    everySeconds: number,
    private readonly onProgress: ((progress: RunProgress) => void) | undefined,
  ) {
    this.timer = setInterval(() => this.look(), 1000 * everySeconds)
  }

  /** Looks a last time. */
  async finish(): Promise<void> {
    clearInterval(this.timer)
    this.look()
    await this.reading
  }

  private look(): void {
    if (this.onProgress) this.reading = this.reading.then(() => this.read()).catch(() => undefined)
  }

  private async read(): Promise<void> {
    let file: FileHandle | undefined
    try {
      file = await open(this.path)
      const { size } = await file.stat()
      const piece = Buffer.alloc(size - this.position)
      const { bytesRead } = await file.read(piece, 0, piece.length, this.position)
      this.position += bytesRead
      if (this.follower.feed(piece.toString('latin1', 0, bytesRead))) {
        this.onProgress!({ ...this.follower.progress!, elapsedSeconds: this.elapsedSeconds() })
      }
    } finally {
      await file?.close()
    }
  }
}
