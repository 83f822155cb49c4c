import { closeSync, fsyncSync, openSync, writeSync } from 'node:fs'

const BUFFER_BYTES = 1 << 20

/** A file written from front to back through a buffer. Errors of the system are thrown as they come (`ENOSPC`: disk full). */
export class OutputFile {
  private readonly descriptor: number
  private readonly buffer = new Uint8Array(BUFFER_BYTES)
  private buffered = 0
  private flushed = 0

  /** @param path must not exist */
  constructor(path: string) {
    this.descriptor = openSync(path, 'wx')
  }

  /** Bytes so far. */
  get position(): number {
    return this.flushed + this.buffered
  }

  append(bytes: Uint8Array): void {
    if (bytes.length > BUFFER_BYTES - this.buffered) this.flush()
    if (bytes.length > BUFFER_BYTES) {
      this.write(bytes, this.flushed)
      this.flushed += bytes.length
    } else {
      this.buffer.set(bytes, this.buffered)
      this.buffered += bytes.length
    }
  }

  /** Replaces bytes that were written before. */
  overwrite(at: number, bytes: Uint8Array): void {
    this.flush()
    this.write(bytes, at)
  }

  /** Brings everything to the disk and closes the file. */
  finish(): void {
    this.flush()
    fsyncSync(this.descriptor)
    closeSync(this.descriptor)
  }

  /** Closes a file that is given up. */
  abandon(): void {
    closeSync(this.descriptor)
  }

  private flush(): void {
    this.write(this.buffer.subarray(0, this.buffered), this.flushed)
    this.flushed += this.buffered
    this.buffered = 0
  }

  private write(bytes: Uint8Array, at: number): void {
    for (let done = 0; done < bytes.length;)
      done += writeSync(this.descriptor, bytes, done, bytes.length - done, at + done)
  }
}
