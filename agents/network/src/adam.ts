import type { TrainingState, Update } from './q-network.js'

/** sqrt of the sum of squares. */
export function globalNorm(gradient: Float32Array): number {
  let sum = 0
  for (let i = 0; i < gradient.length; i++) sum += gradient[i] * gradient[i]
  return Math.sqrt(sum)
}

/**
 * One step of AdamW (Kingma and Ba, 2015; Loshchilov and Hutter, 2019) with the gradient clipped to a global norm, as
 * PyTorch does them, then the Polyak update of the target. In place.
 *
 * @param norm of the gradient
 * @returns the number of steps made
 */
export function adamStep(state: TrainingState, gradient: Float32Array, norm: number, update: Update): number {
  const { learningRate, clipNorm = 5, tau = 0.005, weightDecay = 0 } = update
  const { beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8 } = update
  const { online, target, firstMoment, secondMoment } = state
  const steps = state.steps + 1
  const scale = Math.min(1, clipNorm / (norm + 1e-6))
  const rate = learningRate / (1 - beta1 ** steps)
  const correction = Math.sqrt(1 - beta2 ** steps)
  const keep = 1 - learningRate * weightDecay
  for (let i = 0; i < online.length; i++) {
    const g = gradient[i] * scale
    const m = beta1 * firstMoment[i] + (1 - beta1) * g
    const v = beta2 * secondMoment[i] + (1 - beta2) * g * g
    firstMoment[i] = m
    secondMoment[i] = v
    online[i] = online[i] * keep - (rate * m) / (Math.sqrt(v) / correction + epsilon)
    if (tau !== 0) target[i] += tau * (online[i] - target[i])
  }
  return steps
}
