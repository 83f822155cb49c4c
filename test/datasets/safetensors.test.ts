import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Dtype, SafetensorsErrorCode, Tensor, TensorData } from '@unitcell/datasets'
import { decodeSafetensors, encodeSafetensors, SafetensorsError } from '@unitcell/datasets'

/** A file by its JSON header and data, as another program would write it. */
function file(header: unknown, data: Uint8Array = new Uint8Array(0), headerBytes?: number): Uint8Array {
  const json = new TextEncoder().encode(typeof header === 'string' ? header : JSON.stringify(header))
  const bytes = new Uint8Array(8 + json.length + data.length)
  new DataView(bytes.buffer).setBigUint64(0, BigInt(headerBytes ?? json.length), true)
  bytes.set(json, 8)
  bytes.set(data, 8 + json.length)
  return bytes
}

function codeOf(action: () => unknown): SafetensorsErrorCode | null {
  try {
    action()
    return null
  } catch (error) {
    if (error instanceof SafetensorsError) return error.code
    throw error
  }
}

const bytesOf = ({ data }: Tensor) => [...new Uint8Array(data.buffer, data.byteOffset, data.byteLength)]

describe('safetensors', () => {
  test('the bytes are those that the safetensors library for Python writes', () => {
    const library = Buffer.from(
      [
        'wAAAAAAAAAB7Il9fbWV0YWRhdGFfXyI6eyJrIjoidiJ9LCJiIjp7ImR0eXBlIjoiRjY0Iiwic2hhcGUiOlsyXSwiZGF0YV9vZmZz',
        'ZXRzIjpbMCwxNl19LCJhIjp7ImR0eXBlIjoiVTE2Iiwic2hhcGUiOlszXSwiZGF0YV9vZmZzZXRzIjpbMTYsMjJdfSwibSI6eyJk',
        'dHlwZSI6IkJPT0wiLCJzaGFwZSI6WzNdLCJkYXRhX29mZnNldHMiOlsyMiwyNV19fSAAAAAAAADgPwAAAAAAAALAAQACACwBAQAB',
      ].join(''),
      'base64',
    )
    const tensors: Record<string, Tensor> = {
      b: { dtype: 'F64', shape: [2], data: Float64Array.of(0.5, -2.25) },
      a: { dtype: 'U16', shape: [3], data: Uint16Array.of(1, 2, 300) },
      m: { dtype: 'BOOL', shape: [3], data: Uint8Array.of(1, 0, 1) },
    }
    expect(Buffer.from(encodeSafetensors(tensors, { k: 'v' })).toString('latin1')).toBe(library.toString('latin1'))
    const read = decodeSafetensors(library)
    expect(Object.fromEntries(read.tensors)).toEqual(tensors)
    expect(read.metadata).toEqual({ k: 'v' })
  })

  test('a file of another program is read, in whatever order and at whatever alignment its tensors lie', () => {
    const data = new Uint8Array([7, 0, 0, 128, 63, 0, 0, 0, 192])
    const bytes = file(
      {
        weight: { dtype: 'F32', shape: [2, 1], data_offsets: [1, 9] },
        flag: { dtype: 'BOOL', shape: [], data_offsets: [0, 1] },
        __metadata__: { format: 'pt' },
      },
      data,
    )
    const { tensors, metadata } = decodeSafetensors(bytes)
    expect([...tensors.get('weight')!.data]).toEqual([1, -2])
    expect(tensors.get('weight')!.shape).toEqual([2, 1])
    expect([...tensors.get('flag')!.data]).toEqual([7])
    expect(metadata).toEqual({ format: 'pt' })
  })

  test('what was written is read back, bit for bit, for every dtype and shape', () => {
    const all = {
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
    }
    const tensor = fc
      .tuple(
        fc.constantFrom(...(Object.keys(all) as Dtype[])),
        fc.array(fc.nat({ max: 4 }), { maxLength: 3 }),
        fc.uint8Array({ minLength: 512, maxLength: 512 }),
      )
      .map(([dtype, shape, bytes]): Tensor => {
        const length = shape.reduce((a, b) => a * b, 1)
        const data: TensorData = new all[dtype](bytes.buffer as ArrayBuffer, 0, length)
        return { dtype, shape, data }
      })
    const name = fc.string({ unit: 'grapheme', minLength: 1 }).filter((text) => text !== '__metadata__')
    const metadata = fc.dictionary(fc.string(), fc.string(), { noNullPrototype: true })
    fc.assert(
      fc.property(fc.dictionary(name, tensor, { noNullPrototype: true }), metadata, (tensors, notes) => {
        const read = decodeSafetensors(encodeSafetensors(tensors, notes))
        expect([...read.tensors.keys()].sort()).toEqual(Object.keys(tensors).sort())
        expect(read.metadata).toEqual(notes)
        for (const [key, { dtype, shape }] of Object.entries(tensors)) {
          const back = read.tensors.get(key)!
          expect(back).toMatchObject({ dtype, shape })
          expect(bytesOf(back)).toEqual(bytesOf(tensors[key]))
        }
      }),
    )
  })

  test('the same tensors give the same bytes in whatever order they are listed', () => {
    const a: Tensor = { dtype: 'U8', shape: [3], data: Uint8Array.of(1, 2, 3) }
    const b: Tensor = { dtype: 'F64', shape: [1], data: Float64Array.of(0.1) }
    expect(encodeSafetensors({ a, b }, { x: '1', y: '2' })).toEqual(encodeSafetensors({ b, a }, { y: '2', x: '1' }))
  })

  test('reading makes views of the buffer, not copies', () => {
    const bytes = encodeSafetensors({
      a: { dtype: 'U8', shape: [3], data: Uint8Array.of(1, 2, 3) },
      b: { dtype: 'F64', shape: [2], data: Float64Array.of(0.1, 0.2) },
      c: { dtype: 'U16', shape: [1], data: Uint16Array.of(9) },
    })
    for (const tensor of decodeSafetensors(bytes).tensors.values()) expect(tensor.data.buffer).toBe(bytes.buffer)
  })

  test('a buffer that begins at an odd address is read all the same', () => {
    const bytes = encodeSafetensors({ b: { dtype: 'F64', shape: [2], data: Float64Array.of(0.1, 0.2) } })
    const shifted = new Uint8Array(bytes.length + 1)
    shifted.set(bytes, 1)
    expect([...decodeSafetensors(shifted.subarray(1)).tensors.get('b')!.data]).toEqual([0.1, 0.2])
  })

  test('a file cut off at any byte is refused as truncated', () => {
    const bytes = encodeSafetensors({ b: { dtype: 'F64', shape: [2], data: Float64Array.of(0.1, 0.2) } })
    for (let length = 0; length < bytes.length; length++) {
      expect(codeOf(() => decodeSafetensors(bytes.subarray(0, length)))).toBe('truncated')
    }
  })

  const u8 = (begin: number, end: number, shape = [end - begin]) => ({ dtype: 'U8', shape, data_offsets: [begin, end] })
  test.each<[string, SafetensorsErrorCode, Uint8Array]>([
    ['a header that is not JSON', 'bad_header', file('nonsense')],
    ['a header that is a list', 'bad_header', file([])],
    ['a header larger than the limit of the format', 'bad_header', file({}, new Uint8Array(0), 2 ** 40)],
    ['metadata that are not strings', 'bad_header', file({ __metadata__: { n: 1 } })],
    ['a negative dimension', 'bad_header', file({ a: u8(0, 1, [-1]) }, new Uint8Array(1))],
    ['a tensor without offsets', 'bad_header', file({ a: { dtype: 'U8', shape: [1] } }, new Uint8Array(1))],
    ['half-precision numbers', 'unsupported_dtype', file({ a: { ...u8(0, 2, [1]), dtype: 'F16' } }, new Uint8Array(2))],
    ['a dtype named like a property of objects', 'unsupported_dtype', file({ a: { ...u8(0, 0), dtype: 'toString' } })],
    ['a shape that does not fit the bytes', 'bad_offsets', file({ a: u8(0, 2, [3]) }, new Uint8Array(2))],
    ['tensors that overlap', 'bad_offsets', file({ a: u8(0, 2), b: u8(1, 3) }, new Uint8Array(3))],
    ['a hole between tensors', 'bad_offsets', file({ a: u8(0, 1), b: u8(2, 3) }, new Uint8Array(3))],
    ['bytes after the last tensor', 'bad_offsets', file({ a: u8(0, 1) }, new Uint8Array(2))],
    ['a tensor beyond the end', 'truncated', file({ a: u8(0, 9) }, new Uint8Array(2))],
  ])('%s is refused', (_, code, bytes) => {
    expect(codeOf(() => decodeSafetensors(bytes, 'x.safetensors'))).toBe(code)
  })

  test.each<[string, Record<string, Tensor>]>([
    ['a shape that does not fit the data', { a: { dtype: 'U8', shape: [2], data: new Uint8Array(3) } }],
    ['data of another type', { a: { dtype: 'F32', shape: [1], data: new Float64Array(1) } as unknown as Tensor }],
    ['the reserved name', { __metadata__: { dtype: 'U8', shape: [1], data: new Uint8Array(1) } }],
  ])('%s is not written', (_, tensors) => {
    expect(codeOf(() => encodeSafetensors(tensors))).toBe('bad_tensor')
  })
})
