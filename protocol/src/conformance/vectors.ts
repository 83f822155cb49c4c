import { CODECS } from '../codec.js'
import { toNdArray } from '../nd-array.js'

/** A message, as both subprotocols write it: what every client and server must write and read, byte for byte. */
export interface Vector {
  readonly name: string
  /** The message as JSON, the bytes of arrays as base64. */
  readonly message: unknown
  /** Hex of the MessagePack frame: shortest forms, fields in the order of `message`. */
  readonly msgpack: string
  /** Text of the JSON frame, without white space. */
  readonly json: string
  /** Hex of other MessagePack frames that are read as this message. */
  readonly msgpack_also: readonly string[]
}

type Kind = 'requests' | 'answers'

/** Field order, shortest integers, and every type of the wire; numbers without a fraction are integers. */
const MESSAGES: Readonly<Record<Kind, readonly (readonly [string, object, ...string[]])[]>> = {
  requests: [
    ['hello', { id: 1, op: 'hello', protocol: '1.0', client: 'vectors' }],
    ['hello that resumes', { id: 2, op: 'hello', protocol: '1.0', client: 'vectors', token: 'sécret', resume: 'abc' }],
    [
      'ping, whose small map others write longer',
      { id: 1, op: 'ping' },
      'de0002a2696401a26f70a470696e67',
      '82d9026964cc01d9026f70d90470696e67',
      '82a26964cf0000000000000001a26f70a470696e67',
      '82a26964d300000000000000 01a26f70a470696e67'.replaceAll(' ', ''),
      '82a26964cb3ff0000000000000a26f70a470696e67',
    ],
    ['an id of text', { id: 'a-7', op: 'datasets' }],
    ['make', { id: 3, op: 'make', environment: 'CrystalFill-v1' }],
    [
      'make of a vector with options',
      {
        id: 4,
        op: 'make',
        environment: 'CrystalFill-v1',
        count: 64,
        options: {
          split: 'val',
          sites: 'shuffled',
          mask: true,
          reward: { alpha1: 1, alpha2: 5, beta: 3, target: 1.12 },
          constraints: { elements: ['Na', 'Cl'], max_elements: null },
        },
      },
    ],
    ['reset with a large seed', { id: 5, op: 'reset', handle: 1, seed: 4_294_967_295 }],
    ['reset of some environments', { id: 6, op: 'reset', handle: 300, seed: [1, 128, 65_536], which: [0, 2, 5] }],
    [
      'reset to a structure',
      {
        id: 7,
        op: 'reset',
        handle: 1,
        options: {
          structure: {
            lattice: [
              [0, 2.01, 2.01],
              [2.01, 0, 2.01],
              [2.01, 2.01, 0],
            ],
            frac_coords: [
              [0, 0, 0],
              [0.5, 0.5, 0.5],
            ],
          },
          target: null,
        },
      },
    ],
    ['step', { id: 8, op: 'step', handle: 1, actions: 87 }],
    [
      'step of a vector, actions as an array',
      { id: 9, op: 'step', handle: 2, actions: toNdArray('int32', Int32Array.of(0, 7, 87)) },
    ],
    ['close', { id: 70_000, op: 'close' }],
  ],
  answers: [
    ['an empty result', { id: 1, ok: true, result: {} }],
    [
      'a step',
      {
        id: 8,
        ok: true,
        result: {
          observation: { elements: toNdArray('uint8', Uint8Array.of(2, 88)), focus: 1, step: 1 },
          reward: 0,
          terminated: false,
          truncated: false,
          info: {},
        },
      },
      // A reward of zero from an encoder that writes every reward as a double.
      '83a2696408a26f6bc3a6726573756c7485ab6f62736572766174696f6e83a8656c656d656e747383a56474797065a575696e7438a5736861706591' +
        '02a464617461c4020258a5666f63757301a47374657001a6726577617264cb0000000000000000aa7465726d696e61746564c2a974' +
        '72756e6361746564c2a4696e666f80',
    ],
    [
      'arrays of every type',
      {
        id: 9,
        ok: true,
        result: {
          bool: toNdArray('bool', Uint8Array.of(1, 0)),
          uint8: toNdArray('uint8', Uint8Array.of(0, 255)),
          int8: toNdArray('int8', Int8Array.of(-128, 127)),
          uint16: toNdArray('uint16', Uint16Array.of(1, 65_535)),
          int32: toNdArray('int32', Int32Array.of(-1, 2_147_483_647)),
          float32: toNdArray('float32', Float32Array.of(1.5, -Infinity)),
          float64: toNdArray('float64', Float64Array.of(Math.PI, NaN)),
          none: toNdArray('float64', new Float64Array(0), [0, 3]),
          square: toNdArray('int8', Int8Array.of(1, 2, 3, 4), [2, 2]),
          long: toNdArray('uint8', new Uint8Array(300)),
        },
      },
    ],
    [
      'numbers of every width',
      {
        id: 10,
        ok: true,
        result: { n: [0, 127, 128, 255, 256, 65_535, 65_536, 4_294_967_295, -1, -32, -33, -128, -129, -32_769] },
      },
    ],
    [
      'an error',
      {
        id: 11,
        ok: false,
        error: {
          code: 'unknown_split',
          message: 'data set builtin has no split "dev"',
          retryable: false,
          details: { known: ['train', 'val'] },
        },
      },
    ],
    [
      'an error of a request whose id could not be read',
      { id: null, ok: false, error: { code: 'malformed_frame', message: 'no map', retryable: false, details: {} } },
    ],
    ['an accepted request', { id: 12, accepted: true }],
    ['progress in the queue', { id: 12, progress: { state: 'queued', place: 3 } }],
    [
      'progress of a calculation',
      { id: 12, progress: { state: 'running', iteration: 4, estimated_accuracy_ry: 0.001, elapsed_seconds: 12.5 } },
    ],
    ['text beyond ASCII', { id: 13, ok: true, result: { text: 'Å ε → 😀' } }],
  ],
}

const plain = (message: object): string => CODECS.json.encode(message) as string
const hex = (message: object): string => Buffer.from(CODECS.msgpack.encode(message) as Uint8Array).toString('hex')

/** The vectors of a file of `protocol/conformance/vectors`. */
export function vectors(kind: Kind): Vector[] {
  return MESSAGES[kind].map(([name, message, ...also]) => ({
    name,
    message: JSON.parse(plain(message)) as unknown,
    msgpack: hex(message),
    json: plain(message),
    msgpack_also: also,
  }))
}

export const VECTOR_FILES = Object.keys(MESSAGES) as Kind[]

/** The text of such a file. */
export function vectorFile(kind: Kind): string {
  return `${JSON.stringify(vectors(kind), null, 2)}\n`
}
