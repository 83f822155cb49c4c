import { fromNdArray, isNdArray, ndArraySchema, toNdArray, type DType, type TypedArray } from '@unitcell/protocol'
import { expect, test } from 'vitest'

const arrays: [DType, TypedArray][] = [
  ['bool', Uint8Array.of(0, 1)],
  ['uint8', Uint8Array.of(0, 88, 255)],
  ['int8', Int8Array.of(-128, 127)],
  ['uint16', Uint16Array.of(0, 65_535)],
  ['int32', Int32Array.of(-(2 ** 31), 2 ** 31 - 1)],
  ['float32', Float32Array.of(1.5, -Infinity)],
  ['float64', Float64Array.of(Math.PI, NaN)],
]

test.each(arrays)('%s values come back from the wire as they were, aligned or not', (dtype, values) => {
  const packed = toNdArray(dtype, values)
  expect(fromNdArray(packed)).toEqual(values)
  // A frame puts the bytes wherever they fall.
  const frame = new Uint8Array(packed.data.length + 1)
  frame.set(packed.data, 1)
  expect(fromNdArray({ ...packed, data: frame.subarray(1) })).toEqual(values)
})

test('bytes are little-endian and row-major, as NumPy reads them', () => {
  expect([...toNdArray('int32', Int32Array.of(1, -2)).data]).toEqual([1, 0, 0, 0, 254, 255, 255, 255])
  expect([...toNdArray('float64', Float64Array.of(1)).data]).toEqual([0, 0, 0, 0, 0, 0, 240, 63])
})

test('wrapping copies nothing, a part of an array included', () => {
  const whole = Int32Array.of(1, 2, 3, 4)
  const { data } = toNdArray('int32', whole.subarray(1, 3))
  expect(data.buffer).toBe(whole.buffer)
  expect([data.byteOffset, data.byteLength]).toEqual([4, 8])
})

test.each([
  ['an unknown type', { dtype: 'int64', shape: [1], data: new Uint8Array(8) }],
  ['too few bytes', { dtype: 'int32', shape: [2], data: new Uint8Array(4) }],
  ['a negative length', { dtype: 'uint8', shape: [-1], data: new Uint8Array(0) }],
  ['five dimensions', { dtype: 'uint8', shape: [1, 1, 1, 1, 1], data: new Uint8Array(1) }],
  ['a text for its bytes', { dtype: 'uint8', shape: [1], data: 'AA==' }],
  ['a field too many', { dtype: 'uint8', shape: [1], data: new Uint8Array(1), order: 'C' }],
])('%s is refused', (_, array) => {
  expect(ndArraySchema.safeParse(array).success).toBe(false)
})

test('an array of no rows is an array', () => {
  const empty = { dtype: 'float64', shape: [0, 3], data: new Uint8Array(0) } as const
  expect(ndArraySchema.safeParse(empty).success).toBe(true)
  expect(isNdArray(empty)).toBe(true)
  expect(isNdArray(3)).toBe(false)
})
