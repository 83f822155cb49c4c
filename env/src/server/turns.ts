import type { Call } from './call.js'

/** What a request comes to: at once, or later. */
export type Outcome = object | Promise<object>

/** Carries out what is asked of one environment in the order in which it was asked. */
export class Turns {
  /** Settles when all that was asked so far is done; null: it is. */
  #last: Promise<void> | null = null
  readonly #calls = new Set<Call>()

  /** Works at once where nothing is before it. A call that is cancelled fails at once, and does not take its turn. */
  take(call: Call, work: () => Outcome): Outcome {
    if (this.#last !== null) {
      return this.#hold(
        call,
        this.#last.then(() => {
          call.signal.throwIfAborted()
          return work()
        }),
      )
    }
    const outcome = work()
    return outcome instanceof Promise ? this.#hold(call, outcome) : outcome
  }

  /** Cancels all that is under way or waits for its turn. */
  cancel(reason: Error): void {
    for (const call of this.#calls) call.cancel(reason)
  }

  #hold(call: Call, turn: Promise<object>): Promise<object> {
    this.#calls.add(call)
    const done = () => {
      this.#calls.delete(call)
      if (this.#last === over) this.#last = null
    }
    const over = turn.then(done, done)
    this.#last = over
    return new Promise((resolve, reject) => {
      call.signal.addEventListener('abort', () => reject(call.signal.reason as Error), { once: true })
      turn.then(resolve, reject)
    })
  }
}
