import { Presets, SingleBar } from 'cli-progress'

/** Shows how far a long job has come; on stderr, so that stdout stays the program's answer. */
export interface Progress {
  /** `done` of the total are done; `note` says how it goes, e.g. `loss 1.2`. */
  update(done: number, note?: string): void
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
  const format = `${label} {bar} {percentage}% | {value}/{total} ${unit} | {duration_formatted} | ETA {eta_formatted}{note}`
  const bar = new SingleBar({ format, stream, hideCursor: true, fps: 10, barsize: 30 }, Presets.shades_classic)
  bar.start(total, 0, { note: '' })
  return {
    update: (done, note) => bar.update(done, note === undefined ? {} : { note: note && ` | ${note}` }),
    stop: () => bar.stop(),
  }
}

function lineProgress({ label, total, unit, everySeconds = 3 }: ProgressOptions, stream: NodeJS.WriteStream): Progress {
  const started = performance.now()
  let latest = 0
  let latestNote: string | undefined
  let lastLine = started
  let stopped = false
  const line = (now: number) => {
    const seconds = (now - started) / 1000
    const percent = total > 0 ? Math.floor((100 * latest) / total) : 100
    const rate = seconds > 0 ? (latest / seconds).toFixed(1) : '-'
    const note = latestNote ? `, ${latestNote}` : ''
    stream.write(
      `${label}: ${latest}/${total} ${unit} (${percent}%), ${seconds.toFixed(1)} s, ${rate} ${unit}/s${note}\n`,
    )
  }
  return {
    update(done, note) {
      latest = done
      latestNote = note
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
