import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { CacheError } from './errors.js'

/** LMDB's name of the file with the data, in the folder of a database. */
export const DATA_FILE = 'data.mdb'

// The layout of lmdb-js's LMDB (data version 2), little endian. A page begins with its number (8 bytes), a transaction
// (8), padding (2), flags (2) and, in tree pages, the length of the list of 2-byte node offsets (2) that follows; offsets
// count from the end of the header.
const PAGE_HEADER = 24
const FLAGS_AT = 18
const LOWER_AT = 20
const MAGIC = 0xbeefc0de
const VERSION = 2
/** After its header, a meta page: magic (4), version (4), address (8), map size (8), the free and the main tree (48 each). */
const PAGE_SIZE_AT = PAGE_HEADER + 24
const ROOTS_AT = [PAGE_HEADER + 64, PAGE_HEADER + 112]
const LAST_PAGE_AT = PAGE_HEADER + 120
const TRANSACTION_AT = PAGE_HEADER + 128
const META_BYTES = PAGE_HEADER + 136

const BRANCH = 0x01
const LEAF = 0x02
const OVERFLOW = 0x04
const BIG_DATA = 0x01
const NO_PAGE = 0xffff_ffff_ffff_ffffn

interface Meta {
  readonly pageSize: number
  /** First pages of the trees: of free pages, of the data. */
  readonly roots: readonly bigint[]
  readonly lastPage: bigint
  readonly transaction: bigint
}

/**
 * Whether there is a database file, after a look at whether it is whole: LMDB maps the file into memory, and one that was
 * cut off, or is something else, would end the process (SIGSEGV, SIGBUS) where an error is due. The trees are walked when
 * the file is shorter than it says, or when `thorough`.
 *
 * @throws CacheError `cache_corrupt`, `cache_foreign`, `cache_unwritable` where it cannot be read
 */
export function checkLmdbFile(path: string, thorough = false): boolean {
  let file: number
  try {
    file = openSync(path, 'r')
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') return false
    throw new CacheError('cache_unwritable', message, 'make it readable, or choose another folder by --cache')
  }
  try {
    const { size } = fstatSync(file)
    if (size === 0) return false
    const { lastPage, pageSize } = readMeta(file, path)
    if (thorough || BigInt(size) < (lastPage + 1n) * BigInt(pageSize)) checkTrees(file, path)
    return true
  } finally {
    closeSync(file)
  }
}

/** Checks both trees; again where another process wrote meanwhile, which may have used their pages for something else. */
function checkTrees(file: number, path: string): void {
  for (;;) {
    const meta = readMeta(file, path)
    try {
      for (const root of meta.roots) if (root !== NO_PAGE) checkTree(file, path, meta, root)
      return
    } catch (error) {
      if (readMeta(file, path).transaction === meta.transaction) throw error
    }
  }
}

/** The newer of the two meta pages. */
function readMeta(file: number, path: string): Meta {
  const first = metaAt(file, 0, path)
  const second = metaAt(file, first.pageSize, path)
  return first.transaction > second.transaction ? first : second
}

function metaAt(file: number, position: number, path: string): Meta {
  const page = Buffer.alloc(META_BYTES)
  const read = readSync(file, page, 0, META_BYTES, position)
  const pageSize = page.readUInt32LE(PAGE_SIZE_AT)
  if (read < META_BYTES || page.readUInt32LE(PAGE_HEADER) !== MAGIC || pageSize < 256 || pageSize > 65536) {
    if (position > 0) throw corruptCache(path, 'its second page is no header')
    throw new CacheError('cache_foreign', `${path} is no cache`, 'move it away, or choose another folder by --cache')
  }
  const version = page.readUInt32LE(PAGE_HEADER + 4)
  if (version !== VERSION) {
    const what = `${path} is an LMDB file of version ${version}, this program writes ${VERSION}`
    throw new CacheError('cache_foreign', what, 'choose another folder by --cache')
  }
  return {
    pageSize,
    roots: ROOTS_AT.map((at) => page.readBigUInt64LE(at)),
    lastPage: page.readBigUInt64LE(LAST_PAGE_AT),
    transaction: page.readBigUInt64LE(TRANSACTION_AT),
  }
}

/** Checks that every page of a tree is there and is what its parent says. */
function checkTree(file: number, path: string, { pageSize, lastPage }: Meta, root: bigint): void {
  const page = Buffer.alloc(pageSize)
  const left = [root]
  while (left.length > 0) {
    const number = left.pop()!
    if (number > lastPage || readSync(file, page, 0, pageSize, number * BigInt(pageSize)) < pageSize) {
      throw corruptCache(path, `page ${number} is missing`)
    }
    const flags = page.readUInt16LE(FLAGS_AT)
    const end = PAGE_HEADER + page.readUInt16LE(LOWER_AT)
    const isTree = (flags & (BRANCH | LEAF)) !== 0 && end <= pageSize
    if (page.readBigUInt64LE(0) !== number || !(isTree || (flags & OVERFLOW) !== 0)) {
      throw corruptCache(path, `page ${number} holds something else`)
    }
    if (!isTree) continue
    for (let at = PAGE_HEADER; at < end; at += 2) {
      const children = childrenOf(page, PAGE_HEADER + page.readUInt16LE(at), flags)
      if (children === null) throw corruptCache(path, `page ${number} has a broken node`)
      left.push(...children)
    }
  }
}

/** The pages that a node names: the child of a branch, the first page of a value too large for its leaf; null: broken. */
function childrenOf(page: Buffer, node: number, pageFlags: number): bigint[] | null {
  if (node + 8 > page.length) return null
  const [low, high, flags, keySize] = [0, 2, 4, 6].map((offset) => page.readUInt16LE(node + offset))
  const data = node + 8 + keySize
  const isBranch = (pageFlags & BRANCH) !== 0
  const isElsewhere = (flags & BIG_DATA) !== 0
  if (data + (isBranch ? 0 : isElsewhere ? 8 : low + high * 65536) > page.length) return null
  if (isBranch) return [BigInt(low) | (BigInt(high) << 16n) | (BigInt(flags) << 32n)]
  return isElsewhere ? [page.readBigUInt64LE(data)] : []
}

/** A file that must be put aside. @param place the file, or what it is part of */
export function corruptCache(place: string, what: string, options?: ErrorOptions): CacheError {
  const fix = 'move it away, and bring back an export by `unitcell-env cache import`'
  return new CacheError('cache_corrupt', `${place} is damaged: ${what}`, fix, options)
}
