import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { fileVersionEvent, scalarsEvent } from './tensorboard.js'

const METRICS_FILE = 'metrics.jsonl'

/** What a line of `metrics.jsonl` holds beside the step: losses of training (`train/...`), scores on val (`val/...`). */
export interface MetricsRecord {
  readonly step: number
  readonly [name: string]: number
}

/**
 * Writes what a run measures: as JSON lines, and as TensorBoard events. A run that goes on from a checkpoint forgets the
 * lines after it, so that a step stands in the file once; TensorBoard does the same by itself.
 */
export class MetricsLog {
  readonly records: MetricsRecord[]
  readonly #metricsPath: string
  readonly #eventsPath: string

  /** @param fromStep the step the run starts from, 0 or that of its checkpoint */
  constructor(folder: string, fromStep: number) {
    this.#metricsPath = join(folder, METRICS_FILE)
    this.records = readMetrics(folder).filter(({ step }) => step <= fromStep)
    writeFileSync(this.#metricsPath, this.records.map(line).join(''))
    const seconds = Date.now() / 1000
    const name = `events.out.tfevents.${String(Math.floor(seconds)).padStart(10, '0')}.${hostname()}.${process.pid}`
    this.#eventsPath = join(folder, name)
    writeFileSync(this.#eventsPath, fileVersionEvent(seconds))
  }

  write(record: MetricsRecord): void {
    this.records.push(record)
    appendFileSync(this.#metricsPath, line(record))
    const { step, ...scalars } = record
    appendFileSync(this.#eventsPath, scalarsEvent(Date.now() / 1000, step, scalars))
  }
}

/** The records of a run's folder; none where it has none. A last line that was cut off is left out. */
export function readMetrics(folder: string): MetricsRecord[] {
  const path = join(folder, METRICS_FILE)
  if (!existsSync(path)) return []
  return readFileSync(path, 'utf8')
    .split('\n')
    .slice(0, -1)
    .map((text) => JSON.parse(text) as MetricsRecord)
}

const line = (record: MetricsRecord) => `${JSON.stringify(record)}\n`
