import { readFileSync } from 'node:fs'
import { CODECS } from '@unitcell/protocol'
import { VECTOR_FILES, vectorFile, type Vector } from '@unitcell/protocol/conformance'
import { expect, test } from 'vitest'

const read = (kind: string) =>
  readFileSync(new URL(`../../protocol/conformance/vectors/${kind}.json`, import.meta.url), 'utf8')

test.each(VECTOR_FILES)(
  'the kept vectors of %s are what the code writes (npm run vectors makes them again)',
  (kind) => {
    expect(read(kind)).toBe(vectorFile(kind))
  },
)

const vectors = VECTOR_FILES.flatMap((kind) => JSON.parse(read(kind)) as Vector[])

test.each(vectors.map((vector) => [vector.name, vector] as const))(
  '%s: message, bytes and message again',
  (_, vector) => {
    const message = CODECS.json.decode(Buffer.from(JSON.stringify(vector.message)))
    expect(CODECS.json.encode(message)).toBe(vector.json)
    const bytes = Buffer.from(vector.msgpack, 'hex')
    expect(Buffer.from(CODECS.msgpack.encode(message) as Uint8Array).toString('hex')).toBe(vector.msgpack)
    for (const frame of [bytes, ...vector.msgpack_also.map((text) => Buffer.from(text, 'hex'))]) {
      expect(CODECS.json.encode(CODECS.msgpack.decode(frame))).toBe(vector.json)
    }
  },
)
