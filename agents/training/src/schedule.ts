/** How the learning rate runs: `constant`, or `cosine` down to a hundredth of it at the last step; both after a warm-up. */
export interface LearningRateSchedule {
  readonly kind: 'constant' | 'cosine'
  readonly peak: number
  /** Steps in which it rises linearly from 0, but at most a tenth of the run; 0: none. */
  readonly warmup: number
}

/** Share of the peak at which the cosine ends. */
const FLOOR = 0.01

/** The learning rate of step `step` (0 is the first) of `steps`. */
export function learningRate(schedule: LearningRateSchedule, step: number, steps: number): number {
  const { kind, peak } = schedule
  const warmup = Math.min(schedule.warmup, Math.floor(steps / 10))
  if (step < warmup) return (peak * (step + 1)) / warmup
  if (kind === 'constant') return peak
  const progress = Math.min(1, (step - warmup) / Math.max(1, steps - warmup))
  return peak * (FLOOR + (1 - FLOOR) * 0.5 * (1 + Math.cos(Math.PI * progress)))
}
