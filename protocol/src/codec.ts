import { Packr } from 'msgpackr'
import type { Encoding } from './version.js'

/** Turns messages into frames and back. `decode` throws on anything that is no single map. */
export interface Codec {
  readonly encoding: Encoding
  /** Whether frames are binary (MessagePack) or text (JSON). */
  readonly binary: boolean
  encode(message: object): Uint8Array | string
  decode(frame: Uint8Array): Record<string, unknown>
}

// Records, and typed arrays as extensions, would be msgpackr's own dialect: other languages must read every frame.
const packr = new Packr({
  useRecords: false,
  // Maps in their shortest form, as every other encoder writes them: the same message is the same bytes in any language.
  variableMapSize: true,
  mapsAsObjects: true,
  moreTypes: false,
  encodeUndefinedAsNil: true,
  int64AsType: 'number',
})

function requireMap(value: unknown): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value) || value.constructor !== Object) {
    throw new TypeError('a frame holds one map')
  }
  return value as Record<string, unknown>
}

const msgpack: Codec = {
  encoding: 'msgpack',
  binary: true,
  encode: (message) => packr.pack(message),
  decode: (frame) => requireMap(packr.unpack(frame)),
}

function bytesToBase64(this: unknown, key: string, value: unknown): unknown {
  // JSON.stringify calls Buffer.toJSON before the replacer sees the value, so look at the holder.
  const original = key === 'data' ? (this as Record<string, unknown>)[key] : value
  if (!(original instanceof Uint8Array)) return value
  return Buffer.from(original.buffer, original.byteOffset, original.byteLength).toString('base64')
}

function base64ToBytes(_key: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
  const array = value as Record<string, unknown>
  if (typeof array['data'] === 'string' && typeof array['dtype'] === 'string' && Array.isArray(array['shape'])) {
    const bytes = Buffer.from(array['data'], 'base64')
    // Node skips what is no base64; such a text stays one, and fails as a field of a wrong type.
    if (bytes.toString('base64') === array['data']) array['data'] = new Uint8Array(bytes)
  }
  return array
}

const utf8 = new TextDecoder('utf-8', { fatal: true })

const json: Codec = {
  encoding: 'json',
  binary: false,
  encode: (message) => JSON.stringify(message, bytesToBase64),
  decode: (frame) => requireMap(JSON.parse(utf8.decode(frame), base64ToBytes)),
}

export const CODECS: Readonly<Record<Encoding, Codec>> = { msgpack, json }
