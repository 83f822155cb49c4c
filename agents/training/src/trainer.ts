import type { Progress } from '@unitcell/datasets'
import type { Objective, QNetwork, StepResult, TrainingState } from '@unitcell/network'
import { AgentError } from './agent-error.js'
import type { RolloutScore } from './local-episodes.js'
import { learningRate, type LearningRateSchedule } from './schedule.js'

/** How long and how fast to learn; what is learnt is the learner's business. */
export interface TrainingPlan {
  readonly steps: number
  readonly schedule: LearningRateSchedule
  /** Largest global norm of the gradient. */
  readonly clipNorm: number
  /** Share of the way to the online parameters that the target copy moves each step (Polyak). */
  readonly tau: number
  /** Decoupled weight decay. */
  readonly weightDecay: number
  /** Steps between greedy rollouts on val, between lines of the log, and between saved states. */
  readonly evaluateEvery: number
  readonly logEvery: number
  readonly saveEvery: number
  /** Ends the run earlier, after so many minutes; the schedule of the learning rate then follows the clock where that is ahead of the steps. */
  readonly minutes?: number
}

/** What learns: a network, the batches it learns from and how well it plays. */
export interface Learner {
  readonly network: QNetwork
  /** What step `step` (0 is the first) minimises: a function of the step alone, so that a run can go on where it was. */
  objective(step: number): Objective
  /** Which batch that is, for a person. */
  describeBatch(step: number): string
  evaluate(): Promise<RolloutScore>
}

/** Sums over the steps since the last line of the log. */
interface Running {
  readonly steps: number
  readonly sums: Readonly<Record<string, number>>
}

/** Where a run stands: with it the next step has the same bits as if the run had never stopped. */
export interface RunState {
  /** Steps made. */
  readonly step: number
  readonly running: Running
  readonly best: { readonly step: number; readonly score: RolloutScore } | null
  readonly network: TrainingState
}

/** Where a run keeps what it has. */
export interface RunStore {
  save(state: RunState): Promise<void>
  /** Keeps the policy as the best so far. */
  saveBest(step: number, score: RolloutScore): Promise<void>
  log(record: { step: number; [metric: string]: number }): void
}

const LOGGED = ['loss', 'imitation', 'temporalDifference', 'auxiliary', 'accuracy', 'meanQ', 'gradientNorm'] as const
const NOTHING: Running = { steps: 0, sums: {} }

/**
 * The training loop. It ends after the planned steps, or with the signal: then the state is saved and the signal's reason
 * thrown. Rollouts on val are judged by accuracy, and the best policy is kept.
 *
 * @param start state to go on from; null: from the beginning
 * @returns the best score and its step
 * @throws AgentError `diverged`: a loss or gradient that is not finite; nothing that was saved before is touched
 */
export async function train(
  learner: Learner,
  plan: TrainingPlan,
  store: RunStore,
  { start = null, signal, progress }: { start?: RunState | null; signal?: AbortSignal; progress?: Progress } = {},
): Promise<NonNullable<RunState['best']>> {
  const { network } = learner
  if (start !== null) network.setTrainingState(start.network)
  let best = start?.best ?? null
  let running = start?.running ?? NOTHING
  let step = start?.step ?? 0
  const started = performance.now()
  const save = () => store.save({ step, running, best, network: network.trainingState() })

  while (step < plan.steps) {
    if (signal?.aborted) {
      await save()
      throw signal.reason
    }
    const { schedule, clipNorm, tau, weightDecay, minutes = Infinity } = plan
    const elapsed = (performance.now() - started) / (60_000 * minutes)
    const rate = learningRate(schedule, Math.max(step, Math.floor(elapsed * plan.steps)), plan.steps)
    const result = await network.step(learner.objective(step), { learningRate: rate, clipNorm, tau, weightDecay })
    if (!result.applied) throw divergence(step, result, learner.describeBatch(step))
    step++
    running = add(running, result)
    const isLast = step === plan.steps || elapsed >= 1
    if (step % plan.logEvery === 0 || isLast) {
      store.log({ step, ...means(running), 'train/learningRate': rate })
      running = NOTHING
    }
    progress?.update(step, note(result, best))
    if (step % plan.evaluateEvery === 0 || isLast) {
      const score = await learner.evaluate()
      store.log({ step, ...prefixed('val', score) })
      if (best === null || score.accuracy > best.score.accuracy) {
        best = { step, score }
        await store.saveBest(step, score)
      }
    }
    if (step % plan.saveEvery === 0 || isLast) await save()
    if (isLast) break
  }
  return best!
}

function add({ steps, sums }: Running, result: StepResult): Running {
  return {
    steps: steps + 1,
    sums: Object.fromEntries(LOGGED.map((name) => [name, (sums[name] ?? 0) + result[name]])),
  }
}

function means({ steps, sums }: Running): Record<string, number> {
  return Object.fromEntries(LOGGED.map((name) => [`train/${name}`, sums[name] / steps]))
}

function prefixed(prefix: string, values: object): Record<string, number> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [`${prefix}/${name}`, value as number]))
}

function note({ loss, accuracy }: StepResult, best: RunState['best']): string {
  const val = best === null ? '' : `, val ${best.score.accuracy.toFixed(1)} %`
  return `loss ${loss.toFixed(3)}, accuracy ${(100 * accuracy).toFixed(0)} %${val}`
}

function divergence(step: number, { loss, gradientNorm }: StepResult, batch: string): AgentError {
  const what = `the loss is ${loss} at step ${step + 1} (gradient norm ${gradientNorm}; ${batch})`
  return new AgentError('diverged', what, 'lower --lr; the last good checkpoint is kept')
}
