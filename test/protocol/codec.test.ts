import { CODECS, toNdArray } from '@unitcell/protocol'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'

const bytes = (text: string) => Uint8Array.from(Buffer.from(text.replaceAll(' ', ''), 'hex'))
const frame = (encoded: Uint8Array | string) => Buffer.from(encoded as Uint8Array)

/** Plain data as messages are made of. */
const value = fc.letrec((tie) => ({
  any: fc.oneof(
    { depthSize: 'small' },
    fc.constant(null),
    fc.boolean(),
    fc.maxSafeInteger(),
    fc.double({ noNaN: true, noDefaultInfinity: true }).filter((x) => !Object.is(x, -0)),
    fc.string({ unit: 'grapheme' }),
    fc.array(tie('any'), { maxLength: 4 }),
    fc.dictionary(
      fc.string().filter((key) => key !== '__proto__'),
      tie('any'),
      { maxKeys: 4, noNullPrototype: true },
    ),
  ),
})).any

test.each(['msgpack', 'json'] as const)('a message comes out of the %s codec as it went in', (encoding) => {
  const { encode, decode } = CODECS[encoding]
  fc.assert(
    fc.property(value, (content) => {
      expect(decode(frame(encode({ id: 1, content })))).toEqual({ id: 1, content })
    }),
    { seed: 1 },
  )
})

test.each(['msgpack', 'json'] as const)('an array comes out of the %s codec byte for byte', (encoding) => {
  const { encode, decode } = CODECS[encoding]
  fc.assert(
    fc.property(fc.uint8Array(), (data) => {
      const decoded = decode(frame(encode({ a: toNdArray('uint8', data) }))) as { a: { data: Uint8Array } }
      expect(decoded.a).toMatchObject({ dtype: 'uint8', shape: [data.length] })
      expect(Uint8Array.from(decoded.a.data)).toEqual(data)
    }),
    { seed: 2 },
  )
})

// Bytes by hand from the MessagePack specification: what any other language writes and reads.
test.each([
  ['a map of small values', { id: 1, op: 'ping' }, '82 a2 6964 01 a2 6f70 a4 70696e67'],
  ['a negative integer', { a: -1 }, '81 a1 61 ff'],
  ['null and booleans', { a: null, b: true, c: false }, '83 a1 61 c0 a1 62 c3 a1 63 c2'],
  ['a double', { a: 1.5 }, '81 a1 61 cb 3ff8000000000000'],
  [
    'an array of the wire, its data a bin',
    { a: toNdArray('int32', Int32Array.of(1)) },
    '81 a1 61 83 a5 6474797065 a5 696e743332 a5 7368617065 91 01 a4 64617461 c4 04 01000000',
  ],
])('MessagePack writes %s as its specification says, with no extension types', (_, message, hex) => {
  expect(Buffer.from(CODECS.msgpack.encode(message) as Uint8Array).toString('hex')).toBe(hex.replaceAll(' ', ''))
  const decoded = CODECS.msgpack.decode(bytes(hex))
  expect(Buffer.from(CODECS.msgpack.encode(decoded) as Uint8Array)).toEqual(Buffer.from(bytes(hex)))
})

test('MessagePack reads what other encoders may write: wide integers, str8, map16, float32', () => {
  expect(CODECS.msgpack.decode(bytes('81 a1 61 cf 0000000000000007'))).toEqual({ a: 7 })
  expect(CODECS.msgpack.decode(bytes('81 a1 61 d3 ffffffffffffffff'))).toEqual({ a: -1 })
  expect(CODECS.msgpack.decode(bytes('de 0001 d9 01 61 d9 02 6869'))).toEqual({ a: 'hi' })
  expect(CODECS.msgpack.decode(bytes('81 a1 61 ca 3fc00000'))).toEqual({ a: 1.5 })
})

test('JSON writes the bytes of an array as base64 and reads them again, Buffers included', () => {
  const text = CODECS.json.encode({ a: { dtype: 'uint8', shape: [3], data: Buffer.from([1, 2, 255]) } })
  expect(text).toBe('{"a":{"dtype":"uint8","shape":[3],"data":"AQL/"}}')
  expect(CODECS.json.decode(frame(text))).toEqual({ a: { dtype: 'uint8', shape: [3], data: Uint8Array.of(1, 2, 255) } })
})

test('JSON leaves a text named data alone where it belongs to no array', () => {
  expect(CODECS.json.decode(frame('{"data":"AQL/"}'))).toEqual({ data: 'AQL/' })
})

describe.each(['msgpack', 'json'] as const)('the %s codec', (encoding) => {
  const { decode } = CODECS[encoding]

  test('throws on random bytes, or gives a map; it never gives anything else', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (noise) => {
        let message: unknown
        try {
          message = decode(noise)
        } catch {
          return
        }
        expect(Object.getPrototypeOf(message)).toBe(Object.prototype)
      }),
      { seed: 3, numRuns: 2000 },
    )
  })

  test.each([['[]'], ['null'], ['1'], ['"a"'], ['']])('refuses %j in place of a map', (text) => {
    const noMap =
      encoding === 'json' ? Buffer.from(text) : { '[]': bytes('90'), null: bytes('c0'), 1: bytes('01') }[text]
    expect(() => decode(noMap ?? bytes(''))).toThrow()
  })
})
