import type { Architecture } from './architecture.js'
import { NativeNetwork } from './native-network.js'
import { NetworkError } from './network-error.js'
import type { BackendName, QNetwork, QNetworkOptions } from './q-network.js'

export type BackendChoice = 'auto' | BackendName
export const BACKEND_CHOICES: readonly BackendChoice[] = ['auto', 'native', 'tfjs']

export interface CreateOptions extends QNetworkOptions {
  /** `auto` (default): native where it was built, else tfjs. */
  readonly backend?: BackendChoice
}

/** Engines are loaded when asked for: tfjs takes a third of a second. */
const engines: Readonly<Record<BackendName, (a: Architecture, options: QNetworkOptions) => Promise<QNetwork>>> = {
  native: async (a, options) => new NativeNetwork(a, options),
  tfjs,
}

async function tfjs(a: Architecture, options: QNetworkOptions, reason?: string): Promise<QNetwork> {
  const { TfjsQNetwork } = await import('./tfjs/index.js')
  return TfjsQNetwork.create(a, { ...options, ...(reason !== undefined && { reason }) })
}

/**
 * A network with fresh parameters. `network.backend` says which engine computes it, and for `auto` why it is not a faster
 * one.
 *
 * @throws {NetworkError} `bad_argument`, `bad_architecture`, `backend_unavailable`
 */
export async function createQNetwork(a: Architecture, options: CreateOptions = {}): Promise<QNetwork> {
  const { backend = 'auto', ...rest } = options
  if (!BACKEND_CHOICES.includes(backend)) {
    throw new NetworkError('bad_argument', `no backend ${String(backend)}`, `use ${BACKEND_CHOICES.join(', ')}`)
  }
  if (backend !== 'auto') return engines[backend](a, rest)
  try {
    return await engines.native(a, rest)
  } catch (error) {
    if (!(error instanceof NetworkError && error.code === 'backend_unavailable')) throw error
    return tfjs(a, rest, error.what)
  }
}
