import { CARD_FILE, dataSetCard, type CrystalDataSet } from '@unitcell/datasets'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'

/** Data sets over HTTP: `/v1/datasets`, one of them, its card, and its files in ranges. */
export function registerDatasetRoutes(
  http: FastifyInstance,
  datasets: readonly CrystalDataSet[],
  isAllowed: (request: FastifyRequest) => boolean,
): void {
  const cards = new Map<string, ReadonlyMap<string, string>>()
  const find = (name: string) => datasets.find((dataset) => dataset.name === name)
  const address = ({ name }: CrystalDataSet) => `/v1/datasets/${encodeURIComponent(name)}`

  void http.register((routes, _options, done) => {
    routes.addHook('onRequest', (request, reply, next) => {
      if (isAllowed(request)) next()
      else void reply.code(401).send({ error: 'a token is needed: Authorization: Bearer TOKEN' })
    })
    routes.get('/v1/datasets', () => ({
      datasets: datasets.map((dataset) => ({
        name: dataset.name,
        hash: dataset.hash,
        splits: dataset.manifest.splits,
        url: address(dataset),
      })),
    }))
    routes.get<{ Params: { name: string } }>('/v1/datasets/:name', ({ params }, reply) => {
      const dataset = find(params.name)
      if (!dataset) return unknown(reply, datasets)
      const base = address(dataset)
      const files = dataset.files.map(({ file, bytes, sha256 }) => ({
        ...{ file, bytes, sha256 },
        url: `${base}/files/${file}`,
      }))
      return reply.send({ manifest: dataset.manifest, files, card: `${base}/card/${CARD_FILE}` })
    })
    routes.get<{ Params: { name: string; file: string } }>('/v1/datasets/:name/card/:file', ({ params }, reply) => {
      const dataset = find(params.name)
      if (!dataset) return unknown(reply, datasets)
      const card = cards.get(dataset.name) ?? dataSetCard(dataset)
      cards.set(dataset.name, card)
      const content = card.get(params.file)
      if (content === undefined) return reply.code(404).send({ error: `the card has: ${[...card.keys()].join(', ')}` })
      const type = params.file.endsWith('.svg') ? 'image/svg+xml' : 'text/markdown; charset=utf-8'
      return reply.type(type).send(content)
    })
    routes.get<{ Params: { name: string; file: string } }>('/v1/datasets/:name/files/:file', (request, reply) => {
      const dataset = find(request.params.name)
      if (!dataset) return unknown(reply, datasets)
      const file = dataset.files.find((one) => one.file === request.params.file)
      if (!file) {
        const known = dataset.files.map((one) => one.file).join(', ')
        return reply.code(404).send({ error: `the data set has: ${known}` })
      }
      return sendRange(request, reply, dataset.fileBytes(file.file), `"${file.sha256}"`)
    })
    done()
  })
}

function unknown(reply: FastifyReply, datasets: readonly CrystalDataSet[]): FastifyReply {
  return reply.code(404).send({ error: `no such data set; known: ${datasets.map(({ name }) => name).join(', ')}` })
}

/** Sends a file, or the range that is asked for (RFC 9110: one range; a condition on the ETag). */
function sendRange(request: FastifyRequest, reply: FastifyReply, bytes: Uint8Array, etag: string): FastifyReply {
  const { range, 'if-range': ifRange, 'if-none-match': ifNoneMatch } = request.headers
  reply.header('etag', etag).header('accept-ranges', 'bytes').type('application/octet-stream')
  if (ifNoneMatch?.split(/,\s*/).includes(etag)) return reply.code(304).send()
  const wanted =
    range !== undefined && (ifRange === undefined || ifRange === etag) ? parseRange(range, bytes.length) : null
  if (wanted === 'unsatisfiable') return reply.code(416).header('content-range', `bytes */${bytes.length}`).send()
  if (wanted === null) return reply.send(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength))
  const [first, last] = wanted
  return reply
    .code(206)
    .header('content-range', `bytes ${first}-${last}/${bytes.length}`)
    .send(Buffer.from(bytes.buffer, bytes.byteOffset + first, last - first + 1))
}

/** First and last byte; null for what is no single range of bytes, and so is ignored. */
function parseRange(header: string, length: number): [number, number] | 'unsatisfiable' | null {
  const match = /^bytes=(\d*)-(\d*)$/.exec(header.trim())
  if (!match || (match[1] === '' && match[2] === '')) return null
  const [, from, to] = match
  if (from === '') {
    const count = Math.min(Number(to), length)
    return count === 0 ? 'unsatisfiable' : [length - count, length - 1]
  }
  const first = Number(from)
  const last = to === '' ? length - 1 : Math.min(Number(to), length - 1)
  if (to !== '' && Number(to) < first) return null
  return first >= length ? 'unsatisfiable' : [first, last]
}
