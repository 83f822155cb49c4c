import { draw, ELEMENT_COUNT, randomStream, type RandomGenerator } from '@unitcell/datasets'
import type { NetworkCopy, Packer, QNetwork } from '@unitcell/network'
import type { VectorObservation } from '@unitcell/protocol'
import type { Agent } from './agent.js'

export interface NetworkAgentOptions {
  /** 0: the best element, argmax_a Q(s, a); else elements are drawn from softmax(Q / temperature). */
  readonly temperature?: number
  readonly seed?: number
  readonly copy?: NetworkCopy
}

/** `randomStream` purpose. */
const DRAWS = 131

/** Plays with a network: pi(s) = argmax_a Q(s, a; p_hat). */
export class NetworkAgent implements Agent {
  readonly #stream: RandomGenerator

  constructor(
    readonly name: string,
    readonly network: QNetwork,
    readonly packer: Packer,
    readonly options: NetworkAgentOptions = {},
  ) {
    this.#stream = randomStream(options.seed ?? 0, DRAWS)
  }

  /** @throws NetworkError `bad_batch` where the network wants a target band gap and an episode has none */
  async act({ elements, focus, graphs }: VectorObservation, mask: Uint8Array | null): Promise<Uint8Array> {
    const batch = this.packer.packObservation({ elements, focus, graphs })
    const values = await this.network.forward(batch, this.options.copy)
    const { temperature = 0 } = this.options
    return Uint8Array.from(focus, (_, env) => {
      const range = [ELEMENT_COUNT * env, ELEMENT_COUNT * (env + 1)] as const
      return chooseAction(values.subarray(...range), mask?.subarray(...range) ?? null, temperature, this.#stream)
    })
  }
}

/**
 * The allowed action of the largest value; with a temperature above 0, one drawn from softmax(values / temperature).
 * 0 where nothing is allowed.
 */
export function chooseAction(
  values: Float32Array,
  allowed: Uint8Array | null,
  temperature: number,
  stream: RandomGenerator,
): number {
  let best = -1
  for (let a = 0; a < ELEMENT_COUNT; a++) {
    if (allowed?.[a] === 0) continue
    if (best < 0 || values[a] > values[best]) best = a
  }
  if (temperature === 0 || best < 0) return Math.max(0, best)
  const weights = values.map((q, a) => (allowed?.[a] === 0 ? 0 : Math.exp((q - values[best]) / temperature)))
  let rest = (draw(stream, 2 ** 30) / 2 ** 30) * weights.reduce((sum, weight) => sum + weight, 0)
  const drawn = weights.findIndex((weight) => (rest -= weight) < 0)
  return drawn >= 0 ? drawn : best
}
