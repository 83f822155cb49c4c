import type { Operation, Params, Result } from '../messages/operations.js'

/** Something that carries out operations of the protocol: a client, or anything that stands in for one. */
export interface Requester {
  /** @throws ProtocolError, ConnectionError */
  request<O extends Operation>(op: O, params: Params<O>): Promise<Result<O>>
}
