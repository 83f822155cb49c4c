import { ELEMENT_COUNT } from '@unitcell/datasets'
import type { Architecture } from './architecture.js'
import { checkBatch, type GraphBatch } from './batch.js'
import { NetworkError } from './network-error.js'
import type { Objective, Update } from './q-network.js'

/**
 * Refuses an objective that no engine could compute.
 * @throws {NetworkError} `bad_batch` or `bad_argument`
 */
export function checkObjective(objective: Objective, a: Architecture): void {
  const { batch, actions, auxiliary = 0, siteElements } = objective
  checkBatch(batch, a)
  const graphs = batch.focus.length
  count('actions', actions, graphs)
  for (let g = 0; g < graphs; g++) {
    if (actions[g] >= ELEMENT_COUNT) bad(`actions[${g}] is ${actions[g]}`)
  }
  if (auxiliary !== 0) {
    if (a.readout !== 'node') {
      const what = `the readout ${a.readout} has no outputs for an auxiliary loss`
      throw new NetworkError('bad_argument', what, 'use the readout `node`')
    }
    if (!siteElements) bad('the auxiliary loss needs siteElements')
  }
  if (siteElements) count('siteElements', siteElements, batch.elements.length)
  if (objective.kind === 'cloning') {
    if (objective.weights) count('weights', objective.weights, graphs)
    return
  }
  count('rewards', objective.rewards, graphs)
  count('terminal', objective.terminal, graphs)
  const going = graphs - objective.terminal.reduce((sum, isTerminal) => sum + (isTerminal ? 1 : 0), 0)
  const next = nextGraphs(objective.next)
  if (next !== going) bad(`${next} next states for ${going} transitions that go on`)
  if (objective.next) checkBatch(objective.next, a)
}

/** @throws {NetworkError} `bad_argument` */
export function checkUpdate(update: Update): void {
  for (const [name, value] of Object.entries(update) as [string, number | undefined][]) {
    if (value !== undefined && !(Number.isFinite(value) && value >= 0)) {
      throw new NetworkError('bad_argument', `${name} is ${value}`, 'give a number, 0 or above')
    }
  }
}

/** @throws {NetworkError} `bad_argument` */
export function checkValues(name: string, values: Float32Array, size: number): void {
  if (values.length !== size) {
    const what = `${name} has ${values.length} values, not ${size}`
    throw new NetworkError('bad_argument', what, 'give those of the same architecture')
  }
}

function nextGraphs(next: GraphBatch | null): number {
  return next ? next.focus.length : 0
}

function count(name: string, values: ArrayLike<number>, wanted: number): void {
  if (values.length !== wanted) bad(`${name} has ${values.length} numbers, not ${wanted}`)
}

function bad(what: string): never {
  throw new NetworkError('bad_batch', what, 'pack the batch for this network')
}
