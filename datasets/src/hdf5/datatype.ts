/** An array to be written: row-major; a shape of [] is a scalar. `bool` is h5py's: an enumeration of FALSE and TRUE. */
export type Hdf5Array =
  | { readonly dtype: 'bool' | 'uint8'; readonly shape: readonly number[]; readonly data: Uint8Array }
  | { readonly dtype: 'int8'; readonly shape: readonly number[]; readonly data: Int8Array }
  | { readonly dtype: 'int16'; readonly shape: readonly number[]; readonly data: Int16Array }
  | { readonly dtype: 'int32'; readonly shape: readonly number[]; readonly data: Int32Array }
  | { readonly dtype: 'int64'; readonly shape: readonly number[]; readonly data: BigInt64Array }
  | { readonly dtype: 'float32'; readonly shape: readonly number[]; readonly data: Float32Array }
  | { readonly dtype: 'float64'; readonly shape: readonly number[]; readonly data: Float64Array }
  | FixedStrings

/** Strings of equal room, in UTF-8, filled up by null bytes. */
export interface FixedStrings {
  readonly dtype: 'string'
  readonly shape: readonly number[]
  /** Bytes of each. */
  readonly length: number
  readonly data: Uint8Array
}

export const UNDEFINED_ADDRESS = 0xffff_ffff_ffff_ffffn

/** @param shape default: one dimension */
export function stringArray(values: readonly string[], shape: readonly number[] = [values.length]): FixedStrings {
  const encoded = values.map((value) => Buffer.from(value))
  const length = Math.max(1, ...encoded.map((bytes) => bytes.length))
  const data = new Uint8Array(length * values.length)
  encoded.forEach((bytes, k) => data.set(bytes, k * length))
  return { dtype: 'string', shape, length, data }
}

/** The bytes of the values, a view. */
export function encodeValues({ data, shape, ...array }: Hdf5Array): Uint8Array {
  const count = shape.reduce((a, b) => a * b, 1)
  const perValue = array.dtype === 'string' ? array.length : 1
  if (data.length !== count * perValue) {
    throw new RangeError(`an array of shape [${shape.join()}] has ${data.length} values`)
  }
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
}

/** Dataspace message, version 1. */
export function encodeDataspace(shape: readonly number[]): Uint8Array {
  const view = new DataView(new ArrayBuffer(8 + 8 * shape.length))
  view.setUint8(0, 1)
  view.setUint8(1, shape.length)
  shape.forEach((length, k) => view.setBigUint64(8 + 8 * k, BigInt(length), true))
  return new Uint8Array(view.buffer)
}

/** Datatype message, version 1. */
export function encodeDatatype(array: Pick<Hdf5Array, 'dtype'> & { readonly length?: number }): Uint8Array {
  switch (array.dtype) {
    case 'uint8':
      return integer(1, false)
    case 'int8':
      return integer(1, true)
    case 'int16':
      return integer(2, true)
    case 'int32':
      return integer(4, true)
    case 'int64':
      return integer(8, true)
    case 'float32':
      return float(4, [23, 8, 23], 127)
    case 'float64':
      return float(8, [52, 11, 52], 1023)
    case 'string':
      // Padded by null bytes (1), UTF-8 (1 << 4).
      return datatype(3, [0x11, 0, 0], array.length!, [])
    case 'bool': {
      const names = Buffer.from('FALSE\0\0\0TRUE\0\0\0\0')
      return datatype(8, [2, 0, 0], 1, [...integer(1, true), ...names, 0, 1])
    }
  }
}

function integer(bytes: number, isSigned: boolean): Uint8Array {
  return datatype(0, [isSigned ? 8 : 0, 0, 0], bytes, [0, 0, 8 * bytes, 0])
}

function float(bytes: number, [exponentAt, exponentBits, mantissaBits]: [number, number, number], bias: number) {
  const properties = [0, 0, 8 * bytes, 0, exponentAt, exponentBits, 0, mantissaBits, bias & 0xff, bias >> 8, 0, 0]
  // The leading bit of the mantissa is implied (2 << 4); the sign is the highest bit.
  return datatype(1, [0x20, 8 * bytes - 1, 0], bytes, properties)
}

function datatype(typeClass: number, bits: readonly number[], bytes: number, properties: readonly number[]) {
  const view = new DataView(new ArrayBuffer(8 + properties.length))
  const out = new Uint8Array(view.buffer)
  out.set([0x10 | typeClass, ...bits])
  view.setUint32(4, bytes, true)
  out.set(properties, 8)
  return out
}

/** The bytes with null bytes up to the next multiple of 8. */
export function pad8(bytes: Uint8Array): Uint8Array {
  if (bytes.length % 8 === 0) return bytes
  const padded = new Uint8Array(Math.ceil(bytes.length / 8) * 8)
  padded.set(bytes)
  return padded
}
