import type { EvaluationResult, Progress } from '@unitcell/protocol'
import type { Evaluation, SchedulerProgress } from '../mdp/evaluation.js'

/** Progress as the wire has it. `env`: whose, in a vector. */
export function describeProgress(progress: SchedulerProgress, env?: number): Progress {
  const whose = env === undefined ? {} : { env }
  if (progress.state === 'queued') return { ...whose, state: 'queued', place: progress.place }
  const { iteration, estimatedAccuracyRy, elapsedSeconds } = progress
  return {
    ...whose,
    state: 'running',
    iteration,
    estimated_accuracy_ry: estimatedAccuracyRy,
    elapsed_seconds: Math.round(elapsedSeconds * 1000) / 1000,
  }
}

/** An evaluation as the wire has it. */
export function describeEvaluation(evaluation: Evaluation): EvaluationResult {
  const { labels = null, signedGapEv = null } = evaluation.status === 'evaluated' ? evaluation : {}
  return {
    status: evaluation.status,
    failure: evaluation.status === 'failed' ? evaluation.failure : null,
    source: evaluation.source,
    total_energy_ry: labels?.totalEnergyRy ?? null,
    band_gap_ev: labels?.bandGapEv ?? null,
    signed_gap_ev: signedGapEv,
    formation_energy_ev_per_atom: labels?.formationEnergyEvPerAtom ?? null,
  }
}
