import { ELEMENT_COUNT, UNFILLED } from '@unitcell/datasets'
import type { Architecture } from './architecture.js'
import { checkObjective } from './objective-check.js'
import type { Losses, Objective } from './q-network.js'

/** The rows at which an objective needs the network's output: the focus of every graph, then the auxiliary sites. */
export interface OutputRows {
  /** R nodes of the batch, the first B the focus sites. */
  readonly nodes: Int32Array
  /** R - B: the graph of each auxiliary site, and the element that it has. */
  readonly auxiliaryGraphs: Int32Array
  readonly auxiliaryElements: Uint8Array
}

/** @throws {NetworkError} `bad_batch` or `bad_argument` (objective-check.ts) */
export function outputRows(objective: Objective, a: Architecture): OutputRows {
  const { batch, auxiliary = 0, siteElements } = objective
  checkObjective(objective, a)
  const graphs = batch.focus.length
  const nodes = Array.from(batch.focus, (site, g) => batch.nodeOffsets[g] + site)
  const auxiliaryGraphs: number[] = []
  const auxiliaryElements: number[] = []
  if (auxiliary !== 0 && siteElements) {
    for (let g = 0; g < graphs; g++) {
      for (let node = batch.nodeOffsets[g]; node < batch.nodeOffsets[g + 1]; node++) {
        if (batch.elements[node] !== UNFILLED || siteElements[node] >= ELEMENT_COUNT || node === nodes[g]) continue
        auxiliaryGraphs.push(g)
        auxiliaryElements.push(siteElements[node])
        nodes.push(node)
      }
    }
  }
  return {
    nodes: Int32Array.from(nodes),
    auxiliaryGraphs: Int32Array.from(auxiliaryGraphs),
    auxiliaryElements: Uint8Array.from(auxiliaryElements),
  }
}

/**
 * The losses of the network's outputs, and their gradient with respect to these.
 *
 * @param outputs R x 88
 * @param nextValues max_a Q_target(s', a) of the transitions that are not terminal, in their order (CQL)
 */
export function evaluateObjective(
  objective: Objective,
  rows: OutputRows,
  outputs: Float32Array,
  nextValues: Float32Array,
): { losses: Losses; outputGradient: Float32Array } {
  const { actions, auxiliary = 0 } = objective
  const graphs = actions.length
  const outputGradient = new Float32Array(outputs.length)
  const weights = objective.kind === 'cloning' ? objective.weights : undefined
  const imitationWeight = objective.kind === 'cql' ? objective.omega : 1
  let [imitation, squares, auxiliaryLoss, hits, sumQ] = [0, 0, 0, 0, 0]
  let going = 0
  for (let g = 0; g < graphs; g++) {
    const weight = (weights?.[g] ?? 1) / graphs
    const row = g * ELEMENT_COUNT
    imitation += weight * crossEntropy(outputs, row, actions[g], imitationWeight * weight, outputGradient)
    const q = outputs[row + actions[g]]
    sumQ += q
    hits += Number(largest(outputs, row) === actions[g])
    if (objective.kind === 'cql') {
      const y = objective.rewards[g] + (objective.terminal[g] ? 0 : objective.gamma * nextValues[going++])
      squares += (q - y) ** 2
      outputGradient[row + actions[g]] += (q - y) / graphs
    }
  }
  const sites = rows.auxiliaryElements.length
  for (let i = 0; i < sites; i++) {
    const weight = (weights?.[rows.auxiliaryGraphs[i]] ?? 1) / sites
    const row = (graphs + i) * ELEMENT_COUNT
    auxiliaryLoss += weight * crossEntropy(outputs, row, rows.auxiliaryElements[i], auxiliary * weight, outputGradient)
  }
  // Float32, as in the engines: a loss too large for their numbers is as bad as an infinite one.
  const temporalDifference = Math.fround(squares / (2 * graphs))
  const losses = {
    loss: imitationWeight * imitation + temporalDifference + auxiliary * auxiliaryLoss,
    imitation,
    temporalDifference,
    auxiliary: auxiliaryLoss,
    accuracy: hits / graphs,
    meanQ: sumQ / graphs,
  }
  return { losses, outputGradient }
}

/** max_a of each row of R x 88. */
export function rowMaxima(outputs: Float32Array): Float32Array {
  const maxima = new Float32Array(outputs.length / ELEMENT_COUNT)
  for (let i = 0; i < maxima.length; i++) {
    maxima[i] = outputs[i * ELEMENT_COUNT + largest(outputs, i * ELEMENT_COUNT)]
  }
  return maxima
}

/** The column of the first of the largest outputs of the row that begins at `row`. */
function largest(outputs: Float32Array, row: number): number {
  let best = 0
  for (let k = 1; k < ELEMENT_COUNT; k++) if (outputs[row + k] > outputs[row + best]) best = k
  return best
}

/** logsumexp(row) - row[action]; adds `weight` times its gradient, softmax - one-hot, to `gradient`. */
function crossEntropy(
  outputs: Float32Array,
  row: number,
  action: number,
  weight: number,
  gradient: Float32Array,
): number {
  const peak = outputs[row + largest(outputs, row)]
  let sum = 0
  for (let k = 0; k < ELEMENT_COUNT; k++) sum += Math.exp(outputs[row + k] - peak)
  for (let k = 0; k < ELEMENT_COUNT; k++) gradient[row + k] += (weight * Math.exp(outputs[row + k] - peak)) / sum
  gradient[row + action] -= weight
  return peak + Math.log(sum) - outputs[row + action]
}
