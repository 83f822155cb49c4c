import type { Params, Result } from '../messages/operations.js'
import { fromNdArray } from '../nd-array.js'
import type { DeferredReward, RequestOptions, Requester } from './requester.js'
import { ObservationReader, type Observation } from './observation.js'

type Info = Result<'reset'>['info']

/** One environment, with Gymnasium's `Env` semantics. */
export class Env {
  readonly #reader = new ObservationReader()

  constructor(
    readonly client: Requester,
    /** What `make` answered: handle, spaces, options with every default filled in. */
    readonly spec: Result<'make'>,
  ) {}

  /** Starts an episode. @throws ProtocolError */
  async reset(
    request: Omit<Params<'reset'>, 'handle' | 'which'> = {},
  ): Promise<{ observation: Observation; info: Info }> {
    const { observation, info } = await this.client.request('reset', { handle: this.spec.handle, ...request })
    return { observation: this.#reader.read(observation), info }
  }

  /**
   * Fills the focus site. The last step of an episode may take minutes, where its reward must be calculated first.
   *
   * @param action element index, 0..87
   * @returns `reward` NaN where it is deferred (option `rewards`): see `evaluation`
   * @throws ProtocolError `invalid_action`, `masked_action`, `episode_over`, `reset_needed`: nothing has changed then
   */
  async step(action: number, options: RequestOptions = {}) {
    const { observation, reward, terminated, truncated, info } = await this.client.request(
      'step',
      { handle: this.spec.handle, actions: action },
      options,
    )
    return {
      observation: this.#reader.read(observation),
      reward: (reward as number | null) ?? NaN,
      terminated: terminated as boolean,
      truncated: truncated as boolean,
      info,
    }
  }

  /** A deferred reward when it is known, by `info.outcome.evaluation` of the step that ended the episode. */
  evaluation(evaluation: number, options: Pick<RequestOptions, 'signal'> = {}): Promise<DeferredReward> {
    return this.client.evaluation(evaluation, options)
  }

  /** The whole observation as it stands. */
  async observe(): Promise<{ observation: Observation; info: Info }> {
    const { observation, info } = await this.client.request('observe', { handle: this.spec.handle })
    return { observation: this.#reader.read(observation), info }
  }

  /** 88 bytes, 1 where an action is allowed. */
  async mask(): Promise<Uint8Array> {
    const { mask } = await this.client.request('mask', { handle: this.spec.handle })
    return fromNdArray(mask) as Uint8Array
  }

  /** The crystal as it stands, as text. */
  async render(format: 'cif' | 'poscar' | 'json' = 'cif'): Promise<string> {
    return (await this.client.request('render', { handle: this.spec.handle, format })).text
  }

  async close(): Promise<void> {
    await this.client.request('close', { handle: this.spec.handle })
  }
}
