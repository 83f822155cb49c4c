import type { Outcome } from '../messages/observation.js'
import type { Progress } from '../messages/evaluation.js'
import type { Operation, Params, Result } from '../messages/operations.js'

/** How a request that may take long is followed and withdrawn. */
export interface RequestOptions {
  /** Called when the server tells how far the request has come. */
  readonly onProgress?: ((progress: Progress) => void) | undefined
  /** Withdraws the request, which then fails with the reason of the signal unless it was carried out already. */
  readonly signal?: AbortSignal | undefined
}

/** A deferred reward that has become known. */
export interface DeferredReward {
  readonly evaluation: number
  readonly handle: number
  /** The environment of a vector; null for a single one. */
  readonly env: number | null
  readonly reward: number
  readonly outcome: Outcome
}

/** Something that carries out operations of the protocol: a client, or anything that stands in for one. */
export interface Requester {
  /** @throws ProtocolError, ConnectionError */
  request<O extends Operation>(op: O, params: Params<O>, options?: RequestOptions): Promise<Result<O>>
  /** A deferred reward, when it is known. @throws ProtocolError `cancelled`, `unknown_evaluation`; ConnectionError */
  evaluation(evaluation: number, options?: Pick<RequestOptions, 'signal'>): Promise<DeferredReward>
}
