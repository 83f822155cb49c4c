import * as tf from '@tensorflow/tfjs-core'
import { architecture, type QNetwork } from '@unitcell/network'
import { startTfjs, TfjsQNetwork } from '@unitcell/network/tfjs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { randomCql } from './batches.js'

/** Cases of an op, each evaluated on the wasm backend and on tfjs's own plain JavaScript. */
const operations: Record<string, () => tf.Tensor> = {
  'a softplus': () => tf.softplus(tf.linspace(-25, 25, 10_001)),
  'a gather of rows': () => tf.gather(tf.randomNormal([7, 5], 0, 1, 'float32', 1), tf.tensor1d([6, 0, 0, 3], 'int32')),
  'a segment sum': () =>
    tf.unsortedSegmentSum(tf.randomNormal([4, 3], 0, 1, 'float32', 1), tf.tensor1d([2, 0, 2, 4], 'int32'), 6),
  'a product with a transposed second factor': () =>
    tf.matMul(tf.randomNormal([5, 3], 0, 1, 'float32', 1), tf.randomNormal([4, 3], 0, 1, 'float32', 2), false, true),
  'a product with a transposed first factor': () =>
    tf.matMul(tf.randomNormal([3, 5], 0, 1, 'float32', 1), tf.randomNormal([3, 4], 0, 1, 'float32', 2), true, false),
  'a transposed product with a bias': () =>
    tf.fused.matMul({
      a: tf.randomNormal([5, 3], 0, 1, 'float32', 1),
      b: tf.randomNormal([4, 3], 0, 1, 'float32', 2),
      bias: tf.tensor1d([1, 2, 3, 4]),
      transposeB: true,
    }),
}

test.each(Object.keys(operations))('%s on wasm equals that of plain JavaScript', async (name) => {
  await startTfjs('cpu')
  const expected = tf.tidy(() => operations[name]().dataSync())
  await startTfjs('wasm')
  const actual = tf.tidy(() => operations[name]().dataSync())
  expect(actual.length).toBe(expected.length)
  for (let i = 0; i < actual.length; i++) expect(Math.abs(actual[i] - expected[i])).toBeLessThan(1e-6)
})

test('NaN and infinity pass through a softplus on wasm', async () => {
  await startTfjs('wasm')
  const values = tf.tidy(() => tf.softplus(tf.tensor1d([NaN, Infinity, -Infinity])).dataSync())
  expect([...values]).toEqual([NaN, Infinity, 0])
})

test('an index out of range is refused by gathers and segment sums on wasm', async () => {
  await startTfjs('wasm')
  const x = tf.ones([3, 2])
  expect(() => tf.gather(x, tf.tensor1d([3], 'int32'))).toThrow('index 3 of 3 rows')
  expect(() => tf.unsortedSegmentSum(x, tf.tensor1d([0, 1, 2], 'int32'), 2)).toThrow('segment 2 of 2')
})

describe('memory', () => {
  const a = architecture({ readout: 'node', focus: 'node', gaussians: 4, dropout: 0.1 })
  let network: QNetwork
  beforeAll(async () => void (network = await TfjsQNetwork.create(a, { device: 'wasm' })))
  afterAll(() => network.dispose())

  test('stays the same from step to step', async () => {
    const objective = { ...randomCql(a, 4, 1), dropoutSeed: 1 }
    await network.step(objective, { learningRate: 1e-3 })
    await network.forward(objective.batch)
    const { numTensors, numBytes } = tf.memory()
    for (let i = 0; i < 3; i++) {
      await network.step(objective, { learningRate: 1e-3 })
      await network.forward(objective.batch)
    }
    expect(tf.memory()).toMatchObject({ numTensors, numBytes })
  })
})

test('a network that was disposed of refuses to work', async () => {
  const a = architecture()
  const network = await TfjsQNetwork.create(a, { device: 'cpu' })
  network.dispose()
  await expect(network.forward(randomCql(a, 1, 1).batch)).rejects.toMatchObject({ code: 'disposed' })
})
