import * as tf from '@tensorflow/tfjs-core'
import type { BackendWasm } from '@tensorflow/tfjs-backend-wasm'

// Kernels of the wasm backend (4.22.0) that are missing (UnsortedSegmentSum, so that no gather has a gradient), wrong
// (_FusedMatMul adds a bias to wrong columns where a factor is transposed) or slow. They keep the meaning of the op that
// they replace; what they do not cover goes to the kernel that was there.
// Measured at 16,600 x 64 floats, one core: a product with a transposed factor 67 ms, with a transposed copy 10 ms; gather
// 40 ms, by copying rows 0.6 ms; softplus 17 ms, by table 6 ms.

type Inputs = Readonly<Record<string, tf.TensorInfo>>
type Kernel = (inputs: Inputs, attributes: tf.NamedAttrMap, backend: BackendWasm) => tf.TensorInfo | null

let mended = false

/** Adds and replaces kernels of the wasm backend, once in a process. Call it when that backend is ready. */
export function mendWasmKernels(): void {
  if (mended) return
  mended = true
  replace('BatchMatMul', matMulTransposed('BatchMatMul'))
  replace('_FusedMatMul', matMulTransposed('_FusedMatMul'))
  replace('GatherV2', gatherRows)
  replace('Identity', sharedCopy)
  replace('Softplus', softplus)
  replace('UnsortedSegmentSum', unsortedSegmentSum)
}

/** @param kernel returns null for what it leaves to the kernel that was there before */
function replace(kernelName: string, kernel: Kernel): void {
  const before = tf.getKernel(kernelName, 'wasm') as tf.KernelConfig | undefined
  if (before) tf.unregisterKernel(kernelName, 'wasm')
  tf.registerKernel({
    kernelName,
    backendName: 'wasm',
    kernelFunc: (call) => {
      const { inputs, attrs = {}, backend } = call
      const result = kernel(inputs as Inputs, attrs, backend as BackendWasm)
      if (result !== null) return result
      if (before) return before.kernelFunc(call)
      throw new Error(`${kernelName} of these inputs is not implemented on the wasm backend`)
    },
  })
}

const matMulTransposed =
  (kernelName: string): Kernel =>
  (inputs, attributes) => {
    const { transposeA, transposeB } = attributes
    if (!transposeA && !transposeB) return null
    const a = transposeA ? transposedCopy(inputs['a']) : inputs['a']
    const b = transposeB ? transposedCopy(inputs['b']) : inputs['b']
    const plain = { ...attributes, transposeA: false, transposeB: false }
    const product = runKernel(kernelName, { ...inputs, a, b }, plain)
    if (transposeA) dispose(a)
    if (transposeB) dispose(b)
    return product
  }

function transposedCopy(x: tf.TensorInfo): tf.TensorInfo {
  const perm = x.shape.map((_, axis) => axis)
  perm.push(...perm.splice(-2).reverse())
  return runKernel('Transpose', { x }, { perm })
}

/** The tape keeps a clone of whatever its gradients need: a second name for the same memory, not a copy. */
const sharedCopy: Kernel = ({ x }, _, backend) => {
  backend.incRef(x.dataId)
  return { dataId: x.dataId, shape: x.shape, dtype: x.dtype }
}

const gatherRows: Kernel = ({ x, indices }, { axis, batchDims }, backend) => {
  if (axis !== 0 || batchDims || x.dtype !== 'float32' || indices.dtype !== 'int32' || indices.shape.length !== 1) {
    return null
  }
  const [rows, ...inner] = x.shape
  const width = tf.util.sizeFromShape(inner)
  const out = backend.makeOutput([indices.shape[0], ...inner], 'float32')
  const from = heap(backend, x)
  const to = heap(backend, out)
  const memory = new Float32Array(to.buffer)
  const [fromStart, toStart] = [from.byteOffset / 4, to.byteOffset / 4]
  const index = backend.typedArrayFromHeap(indices) as Int32Array
  for (let i = 0; i < index.length; i++) {
    if (!(index[i] >= 0 && index[i] < rows)) throw new RangeError(`gather: index ${index[i]} of ${rows} rows`)
    const start = fromStart + index[i] * width
    memory.copyWithin(toStart + i * width, start, start + width)
  }
  return out
}

const unsortedSegmentSum: Kernel = ({ x, segmentIds }, { numSegments }, backend) => {
  if (x.dtype !== 'float32') return null
  const inner = x.shape.slice(segmentIds.shape.length)
  const width = tf.util.sizeFromShape(inner)
  const segments = numSegments as number
  const out = backend.makeOutput([segments, ...inner], 'float32')
  const sums = heap(backend, out).fill(0)
  const values = heap(backend, x)
  const ids = backend.typedArrayFromHeap(segmentIds) as Int32Array
  for (let i = 0, k = 0; i < ids.length; i++) {
    if (ids[i] >= segments) throw new RangeError(`unsortedSegmentSum: segment ${ids[i]} of ${segments}`)
    if (ids[i] < 0) k += width
    else for (let to = ids[i] * width, end = to + width; to < end; to++, k++) sums[to] += values[k]
  }
  return out
}

// softplus(x) = ln(1 + e^x) by its second-order Taylor series around the nearest knot; its derivatives are s and s (1 - s)
// of the logistic function s. The rest is below 0.1 (1/64)^3 / 6 = 6e-8, and e^-20 = 2e-9 beyond the last knots.
const KNOTS_PER_UNIT = 32
const LAST_KNOT = 20
const knots = Float64Array.from(
  { length: 2 * LAST_KNOT * KNOTS_PER_UNIT + 1 },
  (_, k) => k / KNOTS_PER_UNIT - LAST_KNOT,
)
const softplusAt = knots.map((x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x))))
const logisticAt = knots.map((x) => 1 / (1 + Math.exp(-x)))

const softplus: Kernel = ({ x }, _, backend) => {
  if (x.dtype !== 'float32') return null
  const out = backend.makeOutput(x.shape, 'float32')
  writeSoftplus(heap(backend, x), heap(backend, out))
  return out
}

function writeSoftplus(x: Float32Array, y: Float32Array): void {
  for (let i = 0; i < x.length; i++) {
    const value = x[i]
    if (value > LAST_KNOT) y[i] = value
    else if (value < -LAST_KNOT) y[i] = 0
    else {
      const k = ((value + LAST_KNOT) * KNOTS_PER_UNIT + 0.5) | 0
      // NaN stays NaN: it is in `offset`.
      const offset = value - (k / KNOTS_PER_UNIT - LAST_KNOT)
      const slope = logisticAt[k]
      y[i] = softplusAt[k] + offset * (slope + 0.5 * offset * slope * (1 - slope))
    }
  }
}

function runKernel(name: string, inputs: Inputs, attributes: tf.NamedAttrMap): tf.TensorInfo {
  return tf.engine().runKernel(name, inputs as unknown as tf.NamedTensorMap, attributes) as tf.Tensor
}

function dispose(x: tf.TensorInfo): void {
  ;(x as tf.Tensor).dispose()
}

/** A view of the values. Good until the next allocation: memory that grows moves. */
function heap(backend: BackendWasm, x: tf.TensorInfo): Float32Array {
  return backend.typedArrayFromHeap(x) as Float32Array
}
