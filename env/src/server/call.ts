import type { Progress } from '@unitcell/protocol'

/** A request while it is carried out: how it is withdrawn, and who hears how far it has come. */
export class Call {
  // Made when first needed: most requests are answered at once.
  #controller: AbortController | null = null
  #listener: ((progress: Progress) => void) | null = null
  /** What was told before anybody listened. */
  #early: Progress[] = []

  get signal(): AbortSignal {
    this.#controller ??= new AbortController()
    return this.#controller.signal
  }

  /** @param reason what the request fails with */
  cancel(reason: Error): void {
    this.#controller ??= new AbortController()
    this.#controller.abort(reason)
  }

  tell(progress: Progress): void {
    if (this.#listener === null) this.#early.push(progress)
    else this.#listener(progress)
  }

  listen(listener: (progress: Progress) => void): void {
    this.#listener = listener
    for (const progress of this.#early.splice(0)) listener(progress)
  }
}
