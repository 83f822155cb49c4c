/** A message as it goes over the wire. */
export type Frame = Uint8Array | string

interface Entry {
  readonly request: Uint8Array
  readonly answer: Frame
}

/**
 * The last answers of a session, so that a request sent again after a lost connection is answered again and not carried
 * out twice.
 */
export class AnswerLog {
  readonly #entries = new Map<number | string, Entry>()

  constructor(readonly capacity: number) {}

  /** The answer given to this request; `conflict` where its id belonged to another one; undefined where it is new. */
  find(id: number | string, request: Uint8Array): Frame | 'conflict' | undefined {
    const entry = this.#entries.get(id)
    if (entry === undefined) return undefined
    return Buffer.compare(entry.request, request) === 0 ? entry.answer : 'conflict'
  }

  /** The request is copied: its bytes belong to a larger buffer of the socket. */
  keep(id: number | string, request: Uint8Array, answer: Frame): void {
    this.#entries.set(id, { request: Buffer.from(request), answer })
    if (this.#entries.size <= this.capacity) return
    const [oldest] = this.#entries.keys()
    this.#entries.delete(oldest)
  }
}
