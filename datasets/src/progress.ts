import { Presets, SingleBar } from 'cli-progress'

/** Shows how far a long job has come; on stderr, so that stdout stays the program's answer. */
export interface Progress {
  /** `done` of the total are done. */
  update(done: number): void
  /** Ends the display; a last line states the rate. Harmless when called twice. */
  stop(): void
}

export interface ProgressOptions {
  /** What is being done, e.g. `graphs`. */
  readonly label: string
  readonly total: number
  /** What is counted, e.g. `crystals`. */
  readonly unit: string
  readonly stream?: NodeJS.WriteStream
  /** Pause between two plain lines, seconds. */
  readonly everySeconds?: number
}

/** A bar where `stream` (default: stderr) is a terminal, otherwise a plain line every `everySeconds` (default: 3). */
export function createProgress(options: ProgressOptions): Progress {
  const stream = options.stream ?? process.stderr
  return stream.isTTY ? barProgress(options, stream) : lineProgress(options, stream)
}

/** A progress that shows nothing. */
export const silentProgress: Progress = { update() {}, stop() {} }

function barProgress({ label, total, unit }: ProgressOptions, stream: NodeJS.WriteStream): Progress {
  const format = `${label} {bar} {percentage}% | {value}/{total} ${unit} | {duration_formatted} | ETA {eta_formatted}`
  const bar = new SingleBar({ format, stream, hideCursor: true, fps: 10, barsize: 30 }, Presets.shades_classic)
  bar.start(total, 0)
  return {
    update: (done) => bar.update(done),
    stop: () => bar.stop(),
  }
}

function lineProgress({ label, total, unit, everySeconds = 3 }: ProgressOptions, stream: NodeJS.WriteStream): Progress {
  const started = performance.now()
  let latest = 0
  let lastLine = started
  let stopped = false
  const line = (now: number) => {
    const seconds = (now - started) / 1000
    const percent = total > 0 ? Math.floor((100 * latest) / total) : 100
    const rate = seconds > 0 ? (latest / seconds).toFixed(1) : '-'
    stream.write(`${label}: ${latest}/${total} ${unit} (${percent}%), ${seconds.toFixed(1)} s, ${rate} ${unit}/s\n`)
  }
  return {
    update(done) {
      latest = done
      const now = performance.now()
      if (now - lastLine < everySeconds * 1000) return
      lastLine = now
      line(now)
    },
    stop() {
      if (stopped) return
      stopped = true
      line(performance.now())
    },
  }
}
