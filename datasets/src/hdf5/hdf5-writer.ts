import type { OutputFile } from '../store/output-file.js'
import type { Hdf5Array } from './datatype.js'
import { encodeDataspace, encodeDatatype, encodeValues, pad8, stringArray, UNDEFINED_ADDRESS } from './datatype.js'

/**
 * Writes HDF5 files front to back: data as they come, the structure of the root at the end, so that only the names and
 * addresses of its members stay in memory. The same calls give the same bytes (no time stamps, no free space). After the
 * HDF5 file format specification, version 3.0, superblock version 0: contiguous data, groups with compact links, and a
 * root with a symbol table, in which a member is found in logarithmic time however many there are.
 *
 * h5wasm cannot do this: it stamps every dataset with the time, and keeps what it has written in its heap.
 */
export class Hdf5Writer {
  constructor(private readonly file: OutputFile) {
    // Its place is kept; `finish` writes it.
    file.append(new Uint8Array(SUPERBLOCK_BYTES))
  }

  /**
   * Writes a dataset.
   *
   * @param links how many groups will name it
   * @returns its address, for `group` and `finish`
   */
  dataset(array: Hdf5Array, links = 1): number {
    const bytes = encodeValues(array)
    const data = this.align()
    this.file.append(bytes)
    const layout = new DataView(new ArrayBuffer(18))
    layout.setUint8(0, 3)
    layout.setUint8(1, CONTIGUOUS)
    layout.setBigUint64(2, bytes.length > 0 ? BigInt(data) : UNDEFINED_ADDRESS, true)
    layout.setBigUint64(10, BigInt(bytes.length), true)
    return this.object(
      [
        [MESSAGE.dataspace, encodeDataspace(array.shape)],
        [MESSAGE.datatype, encodeDatatype(array)],
        [MESSAGE.fillValue, Uint8Array.of(2, 2, 2, 0)],
        [MESSAGE.layout, new Uint8Array(layout.buffer)],
      ],
      links,
    )
  }

  /** Writes a group of a moderate number of members. @returns its address */
  group(members: Members, attributes: Attributes = {}): number {
    const linkInfo = new DataView(new ArrayBuffer(18))
    linkInfo.setBigUint64(2, UNDEFINED_ADDRESS, true)
    linkInfo.setBigUint64(10, UNDEFINED_ADDRESS, true)
    return this.object([
      [MESSAGE.linkInfo, new Uint8Array(linkInfo.buffer)],
      [MESSAGE.groupInfo, Uint8Array.of(0, 0)],
      ...Array.from(members, ([name, address]): Message => [MESSAGE.link, encodeLink(name, address)]),
      ...encodeAttributes(attributes),
    ])
  }

  /** Writes the root group, of any number of members, and closes the structure. */
  finish(members: Members, attributes: Attributes = {}): void {
    const sorted = [...members].sort(([a], [b]) => (a < b ? -1 : 1))
    const heap = this.localHeap(sorted.map(([name]) => name))
    const nodes: { address: number; lastName: number }[] = []
    for (let at = 0; at < sorted.length; at += 2 * LEAF_K) {
      const part = sorted.slice(at, at + 2 * LEAF_K)
      const address = this.symbolNode(part.map(([, target], k) => [heap.offsets[at + k], target]))
      nodes.push({ address, lastName: heap.offsets[at + part.length - 1] })
    }
    const internalK = Math.max(16, Math.ceil(nodes.length / 2))
    const tree = this.tree(nodes, internalK)
    const symbolTable = new DataView(new ArrayBuffer(16))
    symbolTable.setBigUint64(0, BigInt(tree), true)
    symbolTable.setBigUint64(8, BigInt(heap.address), true)
    const table = new Uint8Array(symbolTable.buffer)
    const root = this.object([[MESSAGE.symbolTable, table], ...encodeAttributes(attributes)])
    this.superblock(root, table, internalK)
  }

  private superblock(root: number, symbolTable: Uint8Array, internalK: number): void {
    const bytes = new Uint8Array(SUPERBLOCK_BYTES)
    const view = new DataView(bytes.buffer)
    bytes.set(SIGNATURE)
    bytes[13] = 8 // bytes of an address
    bytes[14] = 8 // bytes of a length
    view.setUint16(16, LEAF_K, true)
    view.setUint16(18, internalK, true)
    view.setBigUint64(32, UNDEFINED_ADDRESS, true)
    view.setBigUint64(40, BigInt(this.file.position), true)
    view.setBigUint64(48, UNDEFINED_ADDRESS, true)
    // The root's symbol table entry, which repeats (cache type 1) where its table is.
    view.setBigUint64(64, BigInt(root), true)
    view.setUint32(72, 1, true)
    bytes.set(symbolTable, 80)
    this.file.overwrite(0, bytes)
  }

  /** An object header of version 1. */
  private object(messages: readonly Message[], links = 1): number {
    const padded = messages.map(([type, body]): Message => [type, pad8(body)])
    const length = padded.reduce((sum, [, body]) => sum + 8 + body.length, 0)
    const bytes = new Uint8Array(16 + length)
    const view = new DataView(bytes.buffer)
    bytes[0] = 1
    view.setUint16(2, messages.length, true)
    view.setUint32(4, links, true)
    view.setUint32(8, length, true)
    let at = 16
    for (const [type, body] of padded) {
      view.setUint16(at, type, true)
      view.setUint16(at + 2, body.length, true)
      bytes.set(body, at + 8)
      at += 8 + body.length
    }
    const address = this.align()
    this.file.append(bytes)
    return address
  }

  /** The names of a symbol table, and the offset of each in the heap. */
  private localHeap(names: readonly string[]): { address: number; offsets: number[] } {
    // Offset 0 holds the empty name, which is below all others.
    const encoded = names.map((name) => pad8(utf8.encode(`${name}\0`)))
    const offsets: number[] = []
    let size = 8
    for (const { length } of encoded) {
      offsets.push(size)
      size += length
    }
    const segment = new Uint8Array(size)
    encoded.forEach((name, k) => segment.set(name, offsets[k]))
    const address = this.align()
    const head = new DataView(new ArrayBuffer(32))
    new Uint8Array(head.buffer).set(utf8.encode('HEAP'))
    head.setBigUint64(8, BigInt(size), true)
    head.setBigUint64(16, 1n, true) // no free block
    head.setBigUint64(24, BigInt(address + 32), true)
    this.file.append(new Uint8Array(head.buffer))
    this.file.append(segment)
    return { address, offsets }
  }

  private symbolNode(entries: readonly (readonly [name: number, target: number])[]): number {
    const view = new DataView(new ArrayBuffer(8 + 2 * LEAF_K * 40))
    new Uint8Array(view.buffer).set(utf8.encode('SNOD'))
    view.setUint8(4, 1)
    view.setUint16(6, entries.length, true)
    entries.forEach(([name, target], k) => {
      view.setBigUint64(8 + 40 * k, BigInt(name), true)
      view.setBigUint64(16 + 40 * k, BigInt(target), true)
    })
    const address = this.align()
    this.file.append(new Uint8Array(view.buffer))
    return address
  }

  /** A B-tree of one level: K grows with the number of nodes instead of the tree. */
  private tree(nodes: readonly { address: number; lastName: number }[], internalK: number): number {
    const view = new DataView(new ArrayBuffer(24 + (4 * internalK + 1) * 8))
    new Uint8Array(view.buffer).set(utf8.encode('TREE'))
    view.setUint16(6, nodes.length, true)
    view.setBigUint64(8, UNDEFINED_ADDRESS, true)
    view.setBigUint64(16, UNDEFINED_ADDRESS, true)
    nodes.forEach(({ address, lastName }, k) => {
      view.setBigUint64(32 + 16 * k, BigInt(address), true)
      view.setBigUint64(40 + 16 * k, BigInt(lastName), true)
    })
    const address = this.align()
    this.file.append(new Uint8Array(view.buffer))
    return address
  }

  private align(): number {
    const past = this.file.position % 8
    if (past > 0) this.file.append(new Uint8Array(8 - past))
    return this.file.position
  }
}

/** Names and addresses. */
export type Members = Iterable<readonly [name: string, address: number]>

export type Attributes = Readonly<Record<string, string | number>>

type Message = readonly [type: number, body: Uint8Array]

const SIGNATURE = [0x89, 0x48, 0x44, 0x46, 0x0d, 0x0a, 0x1a, 0x0a]
const SUPERBLOCK_BYTES = 96
/** A node of the root's symbol table has up to 2 K members. */
const LEAF_K = 256
const CONTIGUOUS = 1

/** Header message types. */
const MESSAGE = {
  dataspace: 0x01,
  linkInfo: 0x02,
  datatype: 0x03,
  fillValue: 0x05,
  link: 0x06,
  layout: 0x08,
  groupInfo: 0x0a,
  attribute: 0x0c,
  symbolTable: 0x11,
} as const

const utf8 = new TextEncoder()

function encodeLink(name: string, address: number): Uint8Array {
  const text = utf8.encode(name)
  if (text.length > 255) throw new RangeError(`the name ${name} has more than 255 bytes`)
  const bytes = new Uint8Array(3 + text.length + 8)
  bytes.set([1, 0, text.length])
  bytes.set(text, 3)
  new DataView(bytes.buffer).setBigUint64(3 + text.length, BigInt(address), true)
  return bytes
}

/** Integers are int64, other numbers float64, strings of fixed length in UTF-8. */
function encodeAttributes(attributes: Attributes): Message[] {
  return Object.entries(attributes).map(([name, value]) => {
    const array: Hdf5Array =
      typeof value === 'string'
        ? stringArray([value], [])
        : Number.isSafeInteger(value)
          ? { dtype: 'int64', shape: [], data: BigInt64Array.of(BigInt(value)) }
          : { dtype: 'float64', shape: [], data: Float64Array.of(value) }
    const text = utf8.encode(`${name}\0`)
    const datatype = encodeDatatype(array)
    const dataspace = encodeDataspace(array.shape)
    const head = new DataView(new ArrayBuffer(8))
    head.setUint8(0, 1)
    head.setUint16(2, text.length, true)
    head.setUint16(4, datatype.length, true)
    head.setUint16(6, dataspace.length, true)
    const parts = [new Uint8Array(head.buffer), pad8(text), pad8(datatype), pad8(dataspace), encodeValues(array)]
    return [MESSAGE.attribute, Buffer.concat(parts)]
  })
}
