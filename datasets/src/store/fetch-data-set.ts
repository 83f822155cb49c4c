import { createWriteStream, existsSync, statSync } from 'node:fs'
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { ReadableStream } from 'node:stream/web'
import { DataSetError } from './data-set-error.js'
import type { Manifest } from './manifest.js'
import { MANIFEST_FILE, parseManifest, sha256 } from './manifest.js'

export interface FetchOptions {
  /** Where copies are kept. Default: `$UNITCELL_CACHE`, else `~/.cache/unitcell/datasets`. */
  readonly cacheFolder?: string
  /** Secret that the server asks for. Default: `$UNITCELL_TOKEN`. */
  readonly token?: string | undefined
  readonly signal?: AbortSignal
}

/** Whether a data set is named by an address of a server. */
export function isServerUrl(text: string): boolean {
  return /^(https?|wss?):\/\//.test(text)
}

/**
 * Brings a data set from a server to this machine, once: every file is compared with its hash in the manifest, when it
 * comes and each time the copy is used; a download that was cut off is taken up where it ended.
 *
 * @param url of the server (its first data set), or of one data set: `http://host:8787/v1/datasets/NAME`
 * @returns the folder of the copy
 * @throws {DataSetError} `unreachable`, `hash_mismatch`, `not_a_data_set`, `unsupported_version`
 */
export async function fetchDataSet(url: string, options: FetchOptions = {}): Promise<string> {
  const cache = options.cacheFolder ?? defaultCache()
  const base = await resolveDataSet(url.replace(/^ws/, 'http'), options)
  const answer = (await (await request(base, options)).json()) as { manifest?: unknown }
  const manifest = parseManifest(JSON.stringify(answer.manifest), base.href)
  const folder = join(cache, manifest.hash)
  if (await isWhole(folder, manifest)) return folder
  const partial = `${folder}.partial`
  await mkdir(partial, { recursive: true })
  for (const file of filesOf(manifest)) await fetchFile(base, partial, file, options)
  await writeFile(join(partial, MANIFEST_FILE), `${JSON.stringify(manifest, null, 2)}\n`)
  await rm(folder, { recursive: true, force: true })
  await rename(partial, folder)
  return folder
}

interface RemoteFile {
  readonly file: string
  readonly bytes: number
  readonly sha256: string
}

function filesOf(manifest: Manifest): RemoteFile[] {
  return [...Object.values(manifest.splits), manifest.rejected]
}

function defaultCache(): string {
  return process.env['UNITCELL_CACHE'] ?? join(homedir(), '.cache', 'unitcell', 'datasets')
}

/** The address of a data set: the server's first, if the address names none. */
async function resolveDataSet(url: string, options: FetchOptions): Promise<URL> {
  const given = new URL(url)
  given.pathname = given.pathname.replace(/\/+$/, '')
  if (!['', '/', '/v1', '/v1/datasets'].includes(given.pathname)) return given
  const list = new URL('/v1/datasets', given)
  const { datasets } = (await (await request(list, options)).json()) as { datasets: { url: string }[] }
  if (!datasets?.[0]) throw new DataSetError('unreachable', `${list.href} lists no data set`, 'look at the server')
  return new URL(datasets[0].url, given)
}

async function request(url: URL, { token, signal }: FetchOptions, headers: Record<string, string> = {}) {
  const secret = token ?? process.env['UNITCELL_TOKEN']
  let response: Response
  try {
    response = await fetch(url, {
      headers: { ...headers, ...(secret !== undefined && { authorization: `Bearer ${secret}` }) },
      ...(signal && { signal }),
    })
  } catch (error) {
    signal?.throwIfAborted()
    const reason = error instanceof Error && error.cause instanceof Error ? error.cause.message : String(error)
    throw new DataSetError(
      'unreachable',
      `${url.href} does not answer: ${reason}`,
      'start a server: unitcell-env serve',
    )
  }
  if (response.ok || response.status === 416) return response
  const fix = response.status === 401 ? 'set UNITCELL_TOKEN' : 'check the address: http://HOST:PORT/v1/datasets/NAME'
  throw new DataSetError('unreachable', `${url.href} answers with HTTP ${response.status}`, fix)
}

async function fetchFile(base: URL, folder: string, { file, ...known }: RemoteFile, options: FetchOptions) {
  const path = join(folder, file)
  // A second time from the start: what was there before may have been of another file.
  for (let attempt = 0; attempt < 2; attempt++) {
    const have = existsSync(path) ? statSync(path).size : 0
    if (have < known.bytes) await download(new URL(`${base.href}/files/${file}`), path, have, known.sha256, options)
    else if (known.bytes === 0) await writeFile(path, '')
    if (sha256(await readFile(path)) === known.sha256) return
    await rm(path)
  }
  const what = `${base.href}/files/${file} is not the file of the manifest: its SHA-256 differs`
  throw new DataSetError('hash_mismatch', what, 'restart the server, or import its data set again')
}

async function download(url: URL, path: string, have: number, hash: string, options: FetchOptions): Promise<void> {
  const resume: Record<string, string> = have > 0 ? { range: `bytes=${have}-`, 'if-range': `"${hash}"` } : {}
  const response = await request(url, options, resume)
  const flags = response.status === 206 ? 'a' : 'w'
  const body = Readable.fromWeb(response.body as ReadableStream)
  await pipeline(body, createWriteStream(path, { flags }), ...(options.signal ? [{ signal: options.signal }] : []))
}

async function isWhole(folder: string, manifest: Manifest): Promise<boolean> {
  if (!existsSync(join(folder, MANIFEST_FILE))) return false
  for (const { file, sha256: expected } of filesOf(manifest)) {
    const path = join(folder, file)
    if (!existsSync(path) || sha256(await readFile(path)) !== expected) return false
  }
  return true
}
