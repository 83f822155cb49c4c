/**
 * The safetensors container (version 0.4 of the format): named typed arrays in one file that runs no code when read.
 *
 *     8 bytes   N, little-endian
 *     N bytes   JSON: name -> {dtype, shape, data_offsets: [begin, end)}, `__metadata__` -> string map; padded by spaces
 *     the rest  the tensors, row-major, little-endian, without holes
 *
 * The header is padded to a multiple of 8 bytes and the tensors are written widest type first, so that each one is
 * aligned and can be read as a view. The host must be little-endian.
 */

const arrayTypes = {
  F64: Float64Array,
  F32: Float32Array,
  I64: BigInt64Array,
  U64: BigUint64Array,
  I32: Int32Array,
  U32: Uint32Array,
  I16: Int16Array,
  U16: Uint16Array,
  I8: Int8Array,
  U8: Uint8Array,
  BOOL: Uint8Array,
} as const satisfies Record<Dtype, unknown>

export type Dtype = keyof TensorArrays

/** The typed array of each dtype; BOOL is bytes of 0 or 1. */
export interface TensorArrays {
  F64: Float64Array
  F32: Float32Array
  I64: BigInt64Array
  U64: BigUint64Array
  I32: Int32Array
  U32: Uint32Array
  I16: Int16Array
  U16: Uint16Array
  I8: Int8Array
  U8: Uint8Array
  BOOL: Uint8Array
}

export type TensorData = TensorArrays[Dtype]

/** A typed array with a shape; the product of `shape` is the length of `data` ([] is a scalar). */
export interface Tensor<D extends Dtype = Dtype> {
  readonly dtype: D
  readonly shape: readonly number[]
  readonly data: TensorArrays[D]
}

export interface Safetensors {
  readonly tensors: ReadonlyMap<string, Tensor>
  /** The file's `__metadata__`. */
  readonly metadata: Readonly<Record<string, string>>
}

export type SafetensorsErrorCode = 'bad_tensor' | 'truncated' | 'bad_header' | 'unsupported_dtype' | 'bad_offsets'

/** A file that is not sound safetensors, or a tensor that cannot be written as such. */
export class SafetensorsError extends Error {
  override readonly name = 'SafetensorsError'

  constructor(
    readonly code: SafetensorsErrorCode,
    message: string,
  ) {
    super(message)
  }
}

const metadataKey = '__metadata__'
/** The limit of the format's own library. */
const maxHeaderBytes = 100_000_000
const alignment = 8

/**
 * The bytes of a safetensors file. The same tensors give the same bytes, in whatever order they are listed.
 *
 * @throws {SafetensorsError} `bad_tensor`: the data's type or length does not fit dtype and shape, or a reserved name.
 */
export function encodeSafetensors(
  tensors: Readonly<Record<string, Tensor>>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array {
  const ordered = Object.entries(tensors).sort(
    ([nameA, a], [nameB, b]) => bytesPerElement(b.dtype) - bytesPerElement(a.dtype) || compare(nameA, nameB),
  )
  const entries: [string, unknown][] = Object.keys(metadata).length
    ? [[metadataKey, Object.fromEntries(Object.entries(metadata).sort(([a], [b]) => compare(a, b)))]]
    : []
  let dataBytes = 0
  for (const [name, tensor] of ordered) {
    checkTensor(name, tensor)
    const end = dataBytes + tensor.data.byteLength
    entries.push([name, { dtype: tensor.dtype, shape: tensor.shape, data_offsets: [dataBytes, end] }])
    dataBytes = end
  }
  const json = new TextEncoder().encode(`{${entries.map(([k, v]) => `${JSON.stringify(k)}:${JSON.stringify(v)}`)}}`)
  const headerBytes = Math.ceil(json.length / alignment) * alignment
  const bytes = new Uint8Array(8 + headerBytes + dataBytes)
  new DataView(bytes.buffer).setBigUint64(0, BigInt(headerBytes), true)
  bytes.fill(0x20, 8, 8 + headerBytes)
  bytes.set(json, 8)
  let offset = 8 + headerBytes
  for (const [, { data }] of ordered) {
    bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), offset)
    offset += data.byteLength
  }
  return bytes
}

/**
 * Reads a safetensors file. The tensors are views of `bytes` (copies only where a foreign file left one unaligned).
 *
 * @param source what to call the file in an error
 * @throws {SafetensorsError} `truncated`, `bad_header`, `unsupported_dtype` (F16, BF16, 8-bit floats) or `bad_offsets`
 *   (overlaps, holes, data that do not fill the file, or that do not fit their shape).
 */
export function decodeSafetensors(bytes: Uint8Array, source = 'the file'): Safetensors {
  if (bytes.length < 8) {
    throw new SafetensorsError(
      'truncated',
      `${source} is not safetensors: ${bytes.length} bytes, shorter than its head`,
    )
  }
  const aligned = bytes.byteOffset % alignment === 0 ? bytes : bytes.slice()
  const headerBytes = Number(new DataView(aligned.buffer, aligned.byteOffset).getBigUint64(0, true))
  if (headerBytes > maxHeaderBytes) {
    throw new SafetensorsError('bad_header', `${source} is not safetensors: it states a header of ${headerBytes} bytes`)
  }
  if (8 + headerBytes > aligned.length) {
    const has = aligned.length - 8
    throw new SafetensorsError(
      'truncated',
      `${source} is cut off: its header has ${headerBytes} bytes, ${has} are there`,
    )
  }
  const header = parseHeader(aligned.subarray(8, 8 + headerBytes), source)
  const data = aligned.subarray(8 + headerBytes)
  const tensors = new Map<string, Tensor>()
  let filled = 0
  for (const entry of header.entries.sort((a, b) => a.begin - b.begin || a.end - b.end)) {
    if (entry.begin !== filled) {
      throw new SafetensorsError(
        'bad_offsets',
        `${source}: tensor ${entry.name} begins at byte ${entry.begin} where ${filled} was due (a hole or an overlap)`,
      )
    }
    if (entry.end > data.length) {
      const message = `${source} is cut off: tensor ${entry.name} ends at byte ${entry.end} of the data, ${data.length} are there`
      throw new SafetensorsError('truncated', message)
    }
    tensors.set(entry.name, view(entry, data))
    filled = entry.end
  }
  if (filled !== data.length) {
    throw new SafetensorsError('bad_offsets', `${source}: ${data.length - filled} bytes after the last tensor`)
  }
  return { tensors, metadata: header.metadata }
}

interface HeaderEntry {
  readonly name: string
  readonly dtype: Dtype
  readonly shape: readonly number[]
  readonly begin: number
  readonly end: number
}

function parseHeader(bytes: Uint8Array, source: string) {
  let header: unknown
  try {
    header = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch (error) {
    throw new SafetensorsError('bad_header', `${source}: the header is not JSON: ${(error as Error).message}`)
  }
  if (!isRecord(header)) throw new SafetensorsError('bad_header', `${source}: the header is not a JSON object`)
  const { [metadataKey]: metadata = {}, ...tensors } = header
  if (!isRecord(metadata) || !Object.values(metadata).every((value) => typeof value === 'string')) {
    throw new SafetensorsError('bad_header', `${source}: ${metadataKey} is not a map of strings`)
  }
  const entries = Object.entries(tensors).map(([name, value]) => parseEntry(name, value, source))
  return { entries, metadata: metadata as Record<string, string> }
}

function parseEntry(name: string, value: unknown, source: string): HeaderEntry {
  const where = `${source}: tensor ${name}`
  if (!isRecord(value)) throw new SafetensorsError('bad_header', `${where} is not described by a JSON object`)
  const { dtype, shape, data_offsets: offsets } = value
  if (typeof dtype !== 'string' || !Object.hasOwn(arrayTypes, dtype)) {
    const known = Object.keys(arrayTypes).join(', ')
    throw new SafetensorsError('unsupported_dtype', `${where} has dtype ${JSON.stringify(dtype)} (supported: ${known})`)
  }
  if (!isCounts(shape)) throw new SafetensorsError('bad_header', `${where} has no shape of non-negative integers`)
  if (!isCounts(offsets) || offsets.length !== 2) {
    throw new SafetensorsError('bad_header', `${where} has no data_offsets [begin, end]`)
  }
  const [begin, end] = offsets
  const expected = product(shape) * bytesPerElement(dtype as Dtype)
  if (end - begin !== expected) {
    const message = `${where} of shape [${shape}] and dtype ${dtype} needs ${expected} bytes, not ${end - begin}`
    throw new SafetensorsError('bad_offsets', message)
  }
  return { name, dtype: dtype as Dtype, shape, begin, end }
}

function view({ dtype, shape, begin, end }: HeaderEntry, data: Uint8Array): Tensor {
  const ArrayType = arrayTypes[dtype]
  const offset = data.byteOffset + begin
  const length = (end - begin) / ArrayType.BYTES_PER_ELEMENT
  const array =
    offset % ArrayType.BYTES_PER_ELEMENT === 0
      ? new ArrayType(data.buffer as ArrayBuffer, offset, length)
      : new ArrayType(data.slice(begin, end).buffer, 0, length)
  return { dtype, shape, data: array }
}

function checkTensor(name: string, { dtype, shape, data }: Tensor): void {
  if (name === metadataKey) throw new SafetensorsError('bad_tensor', `a tensor cannot be called ${metadataKey}`)
  const ArrayType = arrayTypes[dtype]
  if (!(data instanceof ArrayType)) {
    throw new SafetensorsError('bad_tensor', `tensor ${name} of dtype ${dtype} must be a ${ArrayType.name}`)
  }
  if (!isCounts(shape) || product(shape) !== data.length) {
    throw new SafetensorsError('bad_tensor', `tensor ${name} of shape [${shape}] has ${data.length} elements`)
  }
}

function bytesPerElement(dtype: Dtype): number {
  return arrayTypes[dtype].BYTES_PER_ELEMENT
}

function product(shape: readonly number[]): number {
  return shape.reduce((a, b) => a * b, 1)
}

function isCounts(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((n) => Number.isSafeInteger(n) && n >= 0)
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
