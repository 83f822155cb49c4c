import { z } from 'zod'

/**
 * Arrays on the wire: `{dtype, shape, data}` with raw little-endian bytes in row-major order. In MessagePack `data` is a
 * bin, in JSON a base64 string. Names are NumPy's.
 */
const CONSTRUCTORS = {
  bool: Uint8Array,
  uint8: Uint8Array,
  int8: Int8Array,
  uint16: Uint16Array,
  int32: Int32Array,
  float32: Float32Array,
  float64: Float64Array,
} as const

export type DType = keyof typeof CONSTRUCTORS

export type TypedArray = Uint8Array | Int8Array | Uint16Array | Int32Array | Float32Array | Float64Array

const dtypes = Object.keys(CONSTRUCTORS) as [DType, ...DType[]]

const bytes = z.instanceof(Uint8Array).meta({
  description: 'raw little-endian bytes, row-major: a MessagePack bin; base64 in JSON',
  type: 'string',
  contentEncoding: 'base64',
})

export interface NdArray {
  readonly dtype: DType
  readonly shape: readonly number[]
  readonly data: Uint8Array
}

export const ndArraySchema: z.ZodType<NdArray, NdArray> = z
  .strictObject({ dtype: z.enum(dtypes), shape: z.array(z.int().nonnegative()).max(4), data: bytes })
  .refine(
    (array) => array.data.byteLength === elementCount(array.shape) * CONSTRUCTORS[array.dtype].BYTES_PER_ELEMENT,
    {
      error: 'the bytes of data do not fit dtype and shape',
    },
  )
  .meta({ id: 'NdArray' })

function elementCount(shape: readonly number[]): number {
  let count = 1
  for (const length of shape) count *= length
  return count
}

/** Wraps a typed array for the wire, without a copy. Shape defaults to one dimension. */
export function toNdArray(dtype: DType, array: TypedArray, shape: readonly number[] = [array.length]): NdArray {
  return { dtype, shape, data: new Uint8Array(array.buffer, array.byteOffset, array.byteLength) }
}

/** The values of an array from the wire: a view where the bytes are aligned, else a copy. */
export function fromNdArray(array: NdArray): TypedArray {
  const { data } = array
  const Constructor = CONSTRUCTORS[array.dtype]
  if (data.byteOffset % Constructor.BYTES_PER_ELEMENT === 0) {
    return new Constructor(data.buffer as ArrayBuffer, data.byteOffset, data.byteLength / Constructor.BYTES_PER_ELEMENT)
  }
  const copy = new Uint8Array(data)
  return new Constructor(copy.buffer, 0, copy.byteLength / Constructor.BYTES_PER_ELEMENT)
}

/** Whether a decoded value looks like an array of the wire. */
export function isNdArray(value: unknown): value is NdArray {
  return typeof value === 'object' && value !== null && (value as NdArray).data instanceof Uint8Array
}
