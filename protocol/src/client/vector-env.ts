import type { Params, Result } from '../messages/operations.js'
import { fromNdArray, toNdArray, type NdArray } from '../nd-array.js'
import type { DeferredReward, RequestOptions, Requester } from './requester.js'
import { VectorObservationReader, type VectorObservation } from './observation.js'

type Info = Result<'reset'>['info']

export interface VectorStep {
  readonly observation: VectorObservation
  /** NaN where it is deferred (option `rewards`): `info.outcomes.evaluation` names what to wait for. */
  readonly rewards: Float64Array
  /** 1 where an episode ended. */
  readonly terminated: Uint8Array
  readonly truncated: Uint8Array
  readonly info: Info
}

/** n environments that one message steps, with Gymnasium's `VectorEnv` semantics; the autoreset mode is an option of `make`. */
export class VectorEnv {
  readonly count: number
  readonly #reader: VectorObservationReader

  constructor(
    readonly client: Requester,
    /** What `make` answered: handle, spaces, options with every default filled in. */
    readonly spec: Result<'make'>,
  ) {
    this.count = spec.count!
    this.#reader = new VectorObservationReader(this.count)
  }

  /** Starts an episode in all environments, or in those of `which`. @throws ProtocolError */
  async reset(request: Omit<Params<'reset'>, 'handle'> = {}): Promise<{ observation: VectorObservation; info: Info }> {
    const { observation, info } = await this.client.request('reset', { handle: this.spec.handle, ...request })
    return { observation: this.#reader.read(observation), info }
  }

  /**
   * Fills the focus site of every environment. Where rewards must be calculated first it may take minutes.
   *
   * @param actions n element indices, 0..87; one that a step only resets (`next_step`) is ignored
   * @throws ProtocolError `invalid_action`, `masked_action`, `episode_over`, `reset_needed`: nothing has changed then
   */
  async step(actions: ArrayLike<number>, options: RequestOptions = {}): Promise<VectorStep> {
    const { observation, reward, terminated, truncated, info } = await this.client.request(
      'step',
      { handle: this.spec.handle, actions: packActions(actions) },
      options,
    )
    return {
      observation: this.#reader.read(observation),
      rewards: fromNdArray(reward as NdArray) as Float64Array,
      terminated: fromNdArray(terminated as NdArray) as Uint8Array,
      truncated: fromNdArray(truncated as NdArray) as Uint8Array,
      info,
    }
  }

  /** A deferred reward when it is known, by its number in `info.outcomes.evaluation`. */
  evaluation(evaluation: number, options: Pick<RequestOptions, 'signal'> = {}): Promise<DeferredReward> {
    return this.client.evaluation(evaluation, options)
  }

  /** n x 88 bytes, 1 where an action is allowed. */
  async mask(): Promise<Uint8Array> {
    const { mask } = await this.client.request('mask', { handle: this.spec.handle })
    return fromNdArray(mask) as Uint8Array
  }

  /** The crystal of one environment as it stands, as text. */
  async render(env: number, format: 'cif' | 'poscar' | 'json' = 'cif'): Promise<string> {
    return (await this.client.request('render', { handle: this.spec.handle, env, format })).text
  }

  async close(): Promise<void> {
    await this.client.request('close', { handle: this.spec.handle })
  }
}

/** Typed arrays travel as they are; other numbers as a list, so that the server sees a fraction and refuses it. */
function packActions(actions: ArrayLike<number>): NdArray | number[] {
  if (actions instanceof Int32Array) return toNdArray('int32', actions)
  if (actions instanceof Uint8Array) return toNdArray('uint8', actions)
  return Array.from(actions)
}
