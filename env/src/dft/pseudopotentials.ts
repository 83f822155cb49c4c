import { createHash } from 'node:crypto'
import { mkdir, readFile, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { basename, join } from 'node:path'
import { promisify } from 'node:util'
import { gunzip } from 'node:zlib'
import { ELEMENTS } from '@unitcell/datasets'
import { DftError } from './errors.js'
import { GTH_CUTOFFS, gthFileText, readGthPotentials } from './gth.js'
import { readUpfHeader } from './upf.js'

/** One pseudopotential of a set. */
export interface Pseudopotential {
  readonly symbol: string
  /** Name of the unpacked file, as pw.x will see it. */
  readonly file: string
  /** Of the unpacked file, hexadecimal. */
  readonly sha256: string
  /** Valence electrons. */
  readonly zValence: number
  readonly kind: 'upf' | 'gth'
}

/** A folder of UPF files, or GTH-PBE converted from CP2K's parameter file (by default where Debian has it). */
export type PseudopotentialSource =
  { readonly kind: 'upf'; readonly folder: string } | { readonly kind: 'gth'; readonly file?: string }

/** Cutoffs that a set asks for in place of the profile's. */
export interface Cutoffs {
  readonly ecutwfcRy: number
  readonly ecutrhoRy: number
}

/** How a command names a source: `gth`, or a folder. */
export function pseudopotentialSource(text: string): PseudopotentialSource {
  return text === 'gth' ? { kind: 'gth' } : { kind: 'upf', folder: text }
}

interface Entry extends Pseudopotential {
  /** The unpacked content, read anew. */
  readonly read: () => Promise<Buffer>
}

/** One pseudopotential per element. Immutable; its files are hashed when it is loaded and again before every run. */
export class PseudopotentialSet {
  /** Symbols of the elements covered, by atomic number. */
  readonly elements: readonly string[]
  /** SHA-256 over element, file hash of every element, and the cutoffs: two sets of the same identity give the same labels. */
  readonly identity: string

  private constructor(
    readonly kind: 'upf' | 'gth',
    /** Where it comes from, for messages. */
    readonly origin: string,
    /** Cutoffs in place of the profile's, or null. */
    readonly cutoffs: Cutoffs | null,
    private readonly entries: ReadonlyMap<string, Entry>,
  ) {
    this.elements = ELEMENTS.map((element) => element.symbol).filter((symbol) => entries.has(symbol))
    const hashes = this.elements.map((symbol) => [symbol, entries.get(symbol)!.sha256])
    this.identity = sha256(JSON.stringify({ hashes, cutoffs }))
  }

  /**
   * Loads a set; unpacks and hashes every file of a folder (about a second for the 82 files of the paper).
   *
   * @throws DftError `pseudopotentials_not_found`, `bad_pseudopotential`
   */
  static async load(source: PseudopotentialSource): Promise<PseudopotentialSet> {
    if (source.kind === 'upf') {
      return new PseudopotentialSet('upf', source.folder, null, await loadFolder(source.folder))
    }
    const entries = new Map<string, Entry>()
    for (const potential of (await readGthPotentials(source.file)).values()) {
      const content = Buffer.from(gthFileText(potential))
      entries.set(potential.symbol, {
        symbol: potential.symbol,
        file: `${potential.symbol}-GTH-PBE-q${potential.valenceElectrons}.gth`,
        sha256: sha256(content),
        zValence: potential.valenceElectrons,
        kind: 'gth',
        read: () => Promise.resolve(content),
      })
    }
    return new PseudopotentialSet('gth', 'GTH-PBE', GTH_CUTOFFS, entries)
  }

  has(symbol: string): boolean {
    return this.entries.has(symbol)
  }

  /** The pseudopotential of an element. Throws DftError `missing_pseudopotential`. */
  get(symbol: string): Pseudopotential {
    return this.entry(symbol)
  }

  /**
   * Puts the unpacked file of an element into `folder`, unless it is there already with the right content, and returns
   * its path. Called before every run: pw.x itself would silently take a file of the same name from its own folder.
   *
   * @throws DftError `missing_pseudopotential`, or `bad_pseudopotential` where the source is no longer what was loaded
   */
  async place(symbol: string, folder: string): Promise<string> {
    const entry = this.entry(symbol)
    const path = join(folder, `${entry.sha256.slice(0, 16)}-${entry.file}`)
    const present = await readFile(path).catch(() => null)
    if (present && sha256(present) === entry.sha256) return path
    const content = await entry.read().catch((cause: unknown) => {
      throw changed(entry, this.origin, cause)
    })
    if (sha256(content) !== entry.sha256) throw changed(entry, this.origin)
    const temporary = `${path}.${process.pid}.${temporaryCount++}`
    try {
      await mkdir(folder, { recursive: true })
      await writeFile(temporary, content)
      await rename(temporary, path)
    } catch (cause) {
      await rm(temporary, { force: true }).catch(() => undefined)
      const hint = 'free disk space there, or choose another work folder'
      throw new DftError('work_folder_unwritable', `cannot write ${path} (${hint})`, { cause })
    }
    return path
  }

  private entry(symbol: string): Entry {
    const entry = this.entries.get(symbol)
    if (entry) return entry
    const hint = this.kind === 'upf' ? `put its UPF file into ${this.origin}` : 'use a folder of UPF files that has it'
    throw new DftError('missing_pseudopotential', `no pseudopotential for ${symbol} in ${this.origin} (${hint})`)
  }
}

let temporaryCount = 0

async function loadFolder(folder: string): Promise<Map<string, Entry>> {
  let names: string[]
  try {
    names = await readdir(folder)
  } catch (cause) {
    const hint = 'name a folder of UPF files, or use gth'
    throw new DftError('pseudopotentials_not_found', `pseudopotential folder ${folder} cannot be read (${hint})`, {
      cause,
    })
  }
  const files = names.filter((name) => /\.upf(\.gz)?$/i.test(name)).sort()
  if (files.length === 0) {
    const hint = 'put *.UPF or *.UPF.gz files there, for instance the SSSP collection'
    throw new DftError('pseudopotentials_not_found', `pseudopotential folder ${folder} has no UPF file (${hint})`)
  }
  const loaded: Entry[] = []
  const queue = files.values()
  // A few at a time: unpacking runs on Node's thread pool, and 100 MB at once would be a waste of memory.
  const worker = async () => {
    for (const name of queue) loaded.push(await loadFile(join(folder, name)))
  }
  await Promise.all(Array.from({ length: Math.min(4, availableParallelism()) }, worker))
  const entries = new Map<string, Entry>()
  for (const entry of loaded.sort((a, b) => (a.file < b.file ? -1 : 1))) {
    const other = entries.get(entry.symbol)
    // The same file packed and unpacked side by side is one pseudopotential.
    if (other && other.sha256 !== entry.sha256) {
      const what = `${other.file} and ${entry.file} are both for ${entry.symbol}`
      throw new DftError('bad_pseudopotential', `pseudopotential folder ${folder}: ${what} (remove one of them)`)
    }
    entries.set(entry.symbol, entry)
  }
  return entries
}

async function loadFile(path: string): Promise<Entry> {
  const read = () => readUnpacked(path)
  const content = await read()
  const { symbol, zValence } = readUpfHeader(content, path)
  const file = basename(path).replace(/\.gz$/i, '')
  return { symbol, file, sha256: sha256(content), zValence, kind: 'upf', read }
}

const unpack = promisify(gunzip)

async function readUnpacked(path: string): Promise<Buffer> {
  try {
    const content = await readFile(path)
    return /\.gz$/i.test(path) ? await unpack(content) : content
  } catch (cause) {
    const what = cause instanceof Error ? cause.message : String(cause)
    throw new DftError('bad_pseudopotential', `pseudopotential ${path}: ${what} (replace the file)`, { cause })
  }
}

function changed(entry: Entry, origin: string, cause?: unknown): DftError {
  const what = `pseudopotential ${entry.file} of ${origin} is not what it was when the server started`
  return new DftError('bad_pseudopotential', `${what} (put it back, or restart)`, { cause })
}

function sha256(content: Buffer | string): string {
  return createHash('sha256').update(content).digest('hex')
}
