import * as tf from '@tensorflow/tfjs-core'

// tfjs-core has the tape but no gradients: those come with the package `@tensorflow/tfjs`, 290 MB with layers, converters
// and WebGL, and with tfjs-node. These are the gradients of the few ops that the network is made of.

type Gradient = (
  dy: tf.Tensor,
  saved: tf.Tensor[],
  attributes: tf.NamedAttrMap,
) => Readonly<Record<string, () => tf.Tensor>>

const gradients: Readonly<Record<string, Pick<tf.GradConfig, 'inputsToSave' | 'outputsToSave'> & { of: Gradient }>> = {
  Add: { inputsToSave: ['a', 'b'], of: (dy, [a, b]) => ({ a: () => unbroadcast(dy, a), b: () => unbroadcast(dy, b) }) },
  Sub: {
    inputsToSave: ['a', 'b'],
    of: (dy, [a, b]) => ({ a: () => unbroadcast(dy, a), b: () => unbroadcast(tf.neg(dy), b) }),
  },
  Multiply: {
    inputsToSave: ['a', 'b'],
    of: (dy, [a, b]) => ({ a: () => unbroadcast(tf.mul(dy, b), a), b: () => unbroadcast(tf.mul(dy, a), b) }),
  },
  RealDiv: {
    inputsToSave: ['a', 'b'],
    of: (dy, [a, b]) => ({
      a: () => unbroadcast(tf.div(dy, b), a),
      b: () => unbroadcast(tf.neg(tf.div(tf.mul(dy, a), tf.square(b))), b),
    }),
  },
  Exp: { outputsToSave: [true], of: (dy, [y]) => ({ x: () => tf.mul(dy, y) }) },
  Sigmoid: { outputsToSave: [true], of: (dy, [y]) => ({ x: () => tf.mul(dy, tf.mul(y, tf.sub(1, y))) }) },
  Tanh: { outputsToSave: [true], of: (dy, [y]) => ({ x: () => tf.mul(dy, tf.sub(1, tf.square(y))) }) },
  Softplus: { inputsToSave: ['x'], of: (dy, [x]) => ({ x: () => tf.mul(dy, tf.sigmoid(x)) }) },
  Identity: { of: (dy) => ({ x: () => tf.clone(dy) }) },
  Reshape: { inputsToSave: ['x'], of: (dy, [x]) => ({ x: () => tf.reshape(dy, x.shape) }) },
  Sum: {
    inputsToSave: ['x'],
    of: (dy, [x], { axis }) => {
      const summed = tf.util.parseAxisParam(axis as number | number[], x.shape)
      const kept = x.shape.map((size, k) => (summed.includes(k) ? 1 : size))
      return { x: () => tf.mul(tf.reshape(dy, kept), tf.onesLike(x)) }
    },
  },
}

let registered = false

/** Registers the gradients that nobody has registered yet. */
export function registerGradients(): void {
  if (registered) return
  registered = true
  for (const [kernelName, { of, ...saves }] of Object.entries(gradients)) {
    if (tf.getGradient(kernelName) as tf.GradConfig | undefined) continue
    tf.registerGradient({ kernelName, ...saves, gradFunc: of as tf.GradConfig['gradFunc'] })
  }
  for (const config of [concatGradient, splitGradient]) {
    if (!(tf.getGradient(config.kernelName) as tf.GradConfig | undefined)) tf.registerGradient(config)
  }
}

const concatGradient: tf.GradConfig = {
  kernelName: 'Concat',
  saveAllInputs: true,
  gradFunc: (dy, parts, { axis }) => {
    const along = tf.util.parseAxisParam(axis as number, parts[0].shape)[0]
    const pieces = tf.split(
      dy as tf.Tensor,
      parts.map((part) => part.shape[along]),
      along,
    )
    return Object.fromEntries(pieces.map((piece, k) => [k, () => piece]))
  },
}

const splitGradient: tf.GradConfig = {
  kernelName: 'SplitV',
  gradFunc: (dy, _, { axis }) => ({ x: () => tf.concat(dy as tf.Tensor[], axis as number) }),
}

/** The gradient of an input that was broadcast: summed over the axes along which it was repeated. */
function unbroadcast(dy: tf.Tensor, input: tf.Tensor): tf.Tensor {
  const axes = tf.broadcast_util.getReductionAxes(input.shape, dy.shape)
  return tf.reshape(axes.length > 0 ? tf.sum(dy, axes) : dy, input.shape)
}
