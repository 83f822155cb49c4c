import { readFileSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { crc32c, learningCurvesSvg, MetricsLog, readMetrics } from '@unitcell/training'
import { afterAll, expect, test } from 'vitest'

const folder = mkdtempSync(join(tmpdir(), 'unitcell-events-'))
afterAll(() => rmSync(folder, { recursive: true }))

test('CRC-32C gives the values of RFC 3720, appendix B.4', () => {
  expect(crc32c(new TextEncoder().encode('123456789'))).toBe(0xe3069283)
  expect(crc32c(new Uint8Array(32))).toBe(0x8a9136aa)
  expect(crc32c(new Uint8Array(32).fill(0xff))).toBe(0x62a8ab43)
  expect(crc32c(Uint8Array.from({ length: 32 }, (_, i) => i))).toBe(0x46dd794e)
})

test('events are what TensorFlow writes for the same scalar', () => {
  const log = new MetricsLog(folder, 0)
  log.write({ step: 300, loss: 0.5 })
  const [file] = readdirSync(folder).filter((name) => name.startsWith('events.out.tfevents.'))
  const records = readRecords(readFileSync(join(folder, file)))
  expect(records).toHaveLength(2)
  // As TensorBoard 2.21.0 serialises them; the wall time, a double, is cut out.
  expect(withoutTime(records[0])).toBe('1a0d627261696e2e4576656e743a32')
  expect(withoutTime(records[1])).toBe('10ac022a0d0a0b0a046c6f7373150000003f')
})

test('a run that goes on forgets what came after its checkpoint', () => {
  new MetricsLog(folder, 0).write({ step: 1, loss: 3 })
  const log = new MetricsLog(folder, 1)
  log.write({ step: 2, loss: 2 })
  log.write({ step: 3, loss: 1 })
  new MetricsLog(folder, 2).write({ step: 3, loss: 1.5 })
  expect(readMetrics(folder)).toEqual([
    { step: 1, loss: 3 },
    { step: 2, loss: 2 },
    { step: 3, loss: 1.5 },
  ])
})

test('the learning curves are a picture even when nothing was measured', () => {
  for (const records of [[], [{ step: 10, 'train/loss': 2, 'val/accuracy': 40 }], [{ step: 1, 'train/loss': NaN }]]) {
    const svg = learningCurvesSvg(records)
    expect(svg).toMatch(/^<svg [^]*<\/svg>\n$/)
    expect(svg).not.toMatch(/NaN|Infinity|undefined/)
  }
})

/** The records of a TFRecord file, their checksums compared. */
function readRecords(file: Buffer): Buffer[] {
  const records: Buffer[] = []
  for (let at = 0; at < file.length;) {
    const length = Number(file.readBigUInt64LE(at))
    const data = file.subarray(at + 12, at + 12 + length)
    expect(file.readUInt32LE(at + 8)).toBe(masked(file.subarray(at, at + 8)))
    expect(file.readUInt32LE(at + 12 + length)).toBe(masked(data))
    records.push(data)
    at += 16 + length
  }
  return records
}

function masked(data: Uint8Array): number {
  const crc = BigInt(crc32c(data))
  return Number((((crc >> 15n) | (crc << 17n)) + 0xa282ead8n) & 0xffffffffn)
}

/** Hexadecimal, without the field 1 (key 09) of 8 bytes at the start. */
function withoutTime(record: Buffer): string {
  expect(record[0]).toBe(0x09)
  return record.subarray(9).toString('hex')
}
