import { crc32c } from './crc32c.js'

/**
 * TensorBoard event files: TFRecord frames around `tensorflow.Event` messages. Of protocol buffers only what scalars
 * need is written (tensorflow/core/util/event.proto, framework/summary.proto).
 *
 *     Event         1: double wall_time   2: int64 step   3: string file_version   5: Summary
 *     Summary       1: repeated Value     Value 1: string tag   2: float simple_value
 */

/** The first record of every event file. */
export function fileVersionEvent(wallSeconds: number): Uint8Array {
  return record(concatenate([fixed64(1, wallSeconds), bytes(3, new TextEncoder().encode('brain.Event:2'))]))
}

/** A record that says what some scalars were after a step. */
export function scalarsEvent(wallSeconds: number, step: number, scalars: Readonly<Record<string, number>>): Uint8Array {
  const values = Object.entries(scalars).map(([tag, value]) =>
    bytes(1, concatenate([bytes(1, new TextEncoder().encode(tag)), fixed32(2, value)])),
  )
  return record(concatenate([fixed64(1, wallSeconds), key(2, 0), varint(step), bytes(5, concatenate(values))]))
}

/** A TFRecord: length (uint64), its masked CRC, the data, their masked CRC. */
function record(data: Uint8Array): Uint8Array {
  const frame = new Uint8Array(16 + data.length)
  const view = new DataView(frame.buffer)
  view.setBigUint64(0, BigInt(data.length), true)
  view.setUint32(8, maskedCrc(frame.subarray(0, 8)), true)
  frame.set(data, 12)
  view.setUint32(12 + data.length, maskedCrc(data), true)
  return frame
}

function maskedCrc(data: Uint8Array): number {
  const crc = crc32c(data)
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0
}

// Protocol buffers: a field is a key (number and wire type) and a value.

const key = (field: number, wireType: number) => varint((field << 3) | wireType)

function varint(value: number): Uint8Array {
  const groups: number[] = []
  let rest = value
  for (; rest >= 128; rest = Math.floor(rest / 128)) groups.push((rest % 128) | 128)
  return Uint8Array.of(...groups, rest)
}

function fixed64(field: number, value: number): Uint8Array {
  return concatenate([key(field, 1), new Uint8Array(Float64Array.of(value).buffer)])
}

function fixed32(field: number, value: number): Uint8Array {
  return concatenate([key(field, 5), new Uint8Array(Float32Array.of(value).buffer)])
}

function bytes(field: number, content: Uint8Array): Uint8Array {
  return concatenate([key(field, 2), varint(content.length), content])
}

function concatenate(parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts))
}
