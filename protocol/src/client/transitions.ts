import type { Params, Result } from '../messages/operations.js'
import { fromNdArray, isNdArray, type TypedArray } from '../nd-array.js'
import type { Requester } from './requester.js'

type Piece = Result<'transitions'>

/** The same message with typed arrays in place of the arrays of the wire. */
type Decoded<T> = { readonly [K in keyof T]: T[K] extends { dtype: unknown } ? TypedArray : T[K] }

/** A piece of the transitions of a split; the fields are those of the answer to `transitions`. */
export type TransitionPiece = Decoded<Omit<Piece, 'crystals'>> & {
  readonly crystals: Decoded<NonNullable<Piece['crystals']>> | null
}

export interface TransitionStreamOptions {
  /** Pieces asked for before they are needed; with 0 each is asked for when the last is used up. Default: 2. */
  readonly prefetch?: number
}

/**
 * The transitions of a split from `from` on, piece by piece. What is not read is not sent, except `prefetch` pieces: so a
 * slow reader slows the server down, not its own memory.
 *
 * @throws ProtocolError `unknown_dataset`, `unknown_split`, `invalid_options`; ConnectionError
 */
export async function* streamTransitions(
  requester: Pick<Requester, 'request'>,
  params: Params<'transitions'>,
  { prefetch = 2 }: TransitionStreamOptions = {},
): AsyncGenerator<TransitionPiece, void, void> {
  const first = await requester.request('transitions', params)
  if (first.next === null) {
    yield decode(first)
    return
  }
  const count = first.next - first.from
  const coming: Promise<Piece>[] = []
  let at = first.next
  const ask = () => {
    if (at >= first.total) return
    const piece = requester.request('transitions', { ...params, from: at, count })
    // Whoever reads it hears of a failure; one that nobody reads any more is none.
    piece.catch(() => {})
    coming.push(piece)
    at += count
  }
  for (let k = 0; k < prefetch; k++) ask()
  yield decode(first)
  for (;;) {
    if (coming.length === 0) ask()
    const piece = await coming.shift()
    if (piece === undefined) return
    if (coming.length < prefetch) ask()
    yield decode(piece)
  }
}

function decode({ crystals, ...piece }: Piece): TransitionPiece {
  return { ...decodeArrays(piece), crystals: crystals === undefined ? null : decodeArrays(crystals) }
}

function decodeArrays<T extends object>(message: T): Decoded<T> {
  const entries = Object.entries(message).map(([name, value]) => [name, isNdArray(value) ? fromNdArray(value) : value])
  return Object.fromEntries(entries) as Decoded<T>
}
