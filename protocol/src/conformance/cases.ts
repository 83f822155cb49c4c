import { isDeepStrictEqual } from 'node:util'
import { CODECS } from '../codec.js'
import { ERRORS } from '../errors.js'
import { fromNdArray, type NdArray } from '../nd-array.js'
import { majorOf, PROTOCOL_VERSION, type Encoding } from '../version.js'
import type { Message, Peer } from './peer.js'

/** What a case has to work with. */
export interface Bench {
  readonly encoding: Encoding
  /** A connection that has not greeted. */
  open(): Promise<Peer>
  /** A connection that has greeted. */
  greet(fields?: Message): Promise<Peer>
  /** Ends the case: this server cannot show the rule. */
  skip(reason: string): never
}

/** A rule of the specification, as a sentence. */
export interface Case {
  readonly rule: string
  run(bench: Bench): Promise<void>
}

function must(condition: unknown, what: string): asserts condition {
  if (!condition) throw new Error(what)
}

function equal(found: unknown, expected: unknown, what: string): void {
  must(isDeepStrictEqual(found, expected), `${what} is ${JSON.stringify(found)}, not ${JSON.stringify(expected)}`)
}

const at = (message: unknown, ...path: string[]): unknown =>
  path.reduce<unknown>((value, key) => (value as Message | undefined)?.[key], message)

/** A message without the addresses of its bytes. */
const bare = (message: unknown): unknown => JSON.parse(CODECS.json.encode(message as object) as string)

async function make(peer: Peer, fields: Message = {}): Promise<number> {
  const { handle } = await peer.result('make', { environment: 'CrystalFill-v1', ...fields })
  return handle as number
}

/** A single environment with an episode. */
async function started(peer: Peer, fields: Message = {}, seed = 1): Promise<number> {
  const handle = await make(peer, fields)
  await peer.result('reset', { handle, seed })
  return handle
}

const stepOf = async (peer: Peer, handle: number) => at(await peer.result('observe', { handle }), 'observation', 'step')

/** Plays to the end of the episode; the last step. */
async function finish(peer: Peer, handle: number, action = 0): Promise<Message> {
  for (;;) {
    const step = await peer.result('step', { handle, actions: action })
    if (step['terminated'] === true) return step
  }
}

/** A crystal that nobody has calculated yet: rock salt with a lattice constant of its own. */
function newCrystal(): Message {
  const half = 2.01 + Math.random() * 0.05
  return {
    lattice: [
      [0, half, half],
      [half, 0, half],
      [half, half, 0],
    ],
    frac_coords: [
      [0, 0, 0],
      [0.5, 0.5, 0.5],
    ],
    species: ['Li', 'F'],
  }
}

const greeting: Case[] = [
  {
    rule: 'hello tells version, session, resume token, limits, environments, data sets with hashes and 88 elements',
    async run({ open }) {
      const server = await (await open()).result('hello', { protocol: PROTOCOL_VERSION, client: 'conformance' })
      equal(majorOf(String(server['protocol'])), majorOf(PROTOCOL_VERSION), 'the major version')
      for (const field of ['session', 'resume']) must(typeof server[field] === 'string', `${field} is no text`)
      equal((server['elements'] as unknown[]).length, 88, 'the number of elements')
      must((server['environments'] as unknown[]).includes('CrystalFill-v1'), 'CrystalFill-v1 is not served')
      must((server['datasets'] as unknown[]).length > 0, 'there is no data set')
      equal(server['resumed'], [], 'resumed')
      for (const limit of ['frame_bytes', 'requests_in_flight', 'answers_kept', 'session_grace_seconds']) {
        must(typeof at(server, 'limits', limit) === 'number', `the limit ${limit} is missing`)
      }
    },
  },
  {
    rule: 'before hello every other operation is hello_required, and hello still works',
    async run({ open }) {
      const peer = await open()
      equal(await peer.refusal('ping'), 'hello_required', 'the error')
      await peer.result('hello', { protocol: PROTOCOL_VERSION, client: 'conformance' })
    },
  },
  {
    rule: 'another major version is a version_mismatch, another minor is none',
    async run({ open }) {
      const peer = await open()
      const major = majorOf(PROTOCOL_VERSION)
      const other = await peer.refusal('hello', { protocol: `${major + 1}.0`, client: 'conformance' })
      equal(other, 'version_mismatch', 'the error')
      await peer.result('hello', { protocol: `${major}.99`, client: 'conformance' })
    },
  },
  {
    rule: 'a second hello is already_greeted',
    async run({ greet }) {
      const peer = await greet()
      const error = await peer.refusal('hello', { protocol: PROTOCOL_VERSION, client: 'conformance' })
      equal(error, 'already_greeted', 'the error')
    },
  },
]

const strictness: Case[] = [
  {
    rule: 'an unknown field is refused, at the top and within, never ignored',
    async run({ greet }) {
      const peer = await greet()
      const handle = await make(peer)
      equal(await peer.refusal('ping', { sed: 1 }), 'invalid_message', 'the error at the top')
      equal(await peer.refusal('reset', { handle, options: { crystall: 'x' } }), 'invalid_message', 'the error within')
      const options = { reward: { alpha: 1 } }
      equal(await peer.refusal('make', { environment: 'CrystalFill-v1', options }), 'invalid_message', 'the error deep')
    },
  },
  {
    rule: 'an unknown operation is unknown_op, and the known ones are told',
    async run({ greet }) {
      const answer = await (await greet()).ask({ op: 'leap' })
      equal(at(answer, 'error', 'code'), 'unknown_op', 'the error')
      must((at(answer, 'error', 'details', 'known') as unknown[]).includes('step'), 'details.known does not name step')
    },
  },
  {
    rule: 'a frame that is no message is a malformed_frame answered with id null, and the session lives on',
    async run({ greet, encoding }) {
      const peer = await greet()
      for (const noise of ['', encoding === 'json' ? '[1]' : '\x91\x01', '\x01{]']) {
        peer.postFrame(encoding === 'json' ? noise : Buffer.from(noise, 'latin1'))
        const answer = await peer.take((message) => message['id'] === null, 'the answer to noise')
        equal(at(answer, 'error', 'code'), 'malformed_frame', 'the error')
      }
      await peer.result('ping')
    },
  },
  {
    rule: 'a frame of the other kind, text or binary, is a malformed_frame',
    async run({ greet, encoding }) {
      const peer = await greet()
      peer.postFrame(encoding === 'json' ? Buffer.from('{"id":1,"op":"ping"}') : '{"id":1,"op":"ping"}')
      const answer = await peer.take((message) => message['id'] === null, 'the answer')
      equal(at(answer, 'error', 'code'), 'malformed_frame', 'the error')
    },
  },
  {
    rule: 'a frame above frame_bytes is frame_too_large, and the session lives on',
    async run({ open }) {
      const peer = await open()
      const { limits } = await peer.result('hello', { protocol: PROTOCOL_VERSION, client: 'conformance' })
      const length = Number(at(limits, 'frame_bytes')) + 1
      peer.post({ op: 'ping', padding: 'x'.repeat(length) })
      const answer = await peer.take((message) => message['id'] === null, 'the answer')
      equal(at(answer, 'error', 'code'), 'frame_too_large', 'the error')
      await peer.result('ping')
    },
  },
  {
    rule: 'an error has a code of the table, a message, retryable and details',
    async run({ greet }) {
      const { error } = await (await greet()).ask({ op: 'step', handle: 10_000, actions: 1 })
      const { code, message, retryable, details } = error as Message
      must(Object.hasOwn(ERRORS, String(code)), `${String(code)} is no code of the table`)
      must(typeof message === 'string' && message !== '', 'the message is empty')
      equal(retryable, ERRORS[code as keyof typeof ERRORS][0], 'retryable')
      must(typeof details === 'object' && details !== null, 'details is no map')
    },
  },
  {
    rule: 'ids may be numbers or texts; an id used for another request is a duplicate_id',
    async run({ greet }) {
      const peer = await greet()
      equal((await peer.ask({ id: 'a', op: 'ping' }))['ok'], true, 'ok')
      const answer = await peer.ask({ id: 'a', op: 'datasets' })
      equal(at(answer, 'error', 'code'), 'duplicate_id', 'the error')
    },
  },
  {
    rule: 'handles, splits, data sets, environments and crystals that do not exist are refused by name',
    async run({ greet }) {
      const peer = await greet()
      const handle = await make(peer)
      const options = (fields: Message) => ({ environment: 'CrystalFill-v1', options: fields })
      equal(await peer.refusal('observe', { handle: handle + 999 }), 'unknown_handle', 'the error')
      equal(await peer.refusal('make', options({ split: '-' })), 'unknown_split', 'the error')
      equal(await peer.refusal('make', options({ dataset: '-' })), 'unknown_dataset', 'the error')
      equal(await peer.refusal('make', { environment: 'Nothing-v0' }), 'unknown_environment', 'the error')
      equal(await peer.refusal('reset', { handle, options: { crystal: '-' } }), 'unknown_crystal', 'the error')
    },
  },
]

const episodes: Case[] = [
  {
    rule: 'make answers with every option filled in and the spaces',
    async run({ greet }) {
      const made = await (await greet()).result('make', { environment: 'CrystalFill-v1' })
      for (const option of ['dataset', 'split', 'sites', 'autoreset', 'reward', 'constraints']) {
        must(
          at(made, 'options', option) !== undefined && at(made, 'options', option) !== null,
          `${option} is left open`,
        )
      }
      equal(at(made, 'action_space', 'n'), 88, 'the number of actions')
      must(at(made, 'observation_space', 'type') !== undefined, 'there is no observation space')
    },
  },
  {
    rule: 'the effective seed is told, and is the one that was asked for',
    async run({ greet }) {
      const peer = await greet()
      const handle = await make(peer)
      const { info } = await peer.result('reset', { handle, seed: 12_345 })
      equal(at(info, 'episode', 'seed'), 12_345, 'the seed')
    },
  },
  {
    rule: 'the same seed gives the same episode, in another session, too',
    async run({ greet }) {
      const first = []
      for (let session = 0; session < 2; session++) {
        const peer = await greet()
        const handle = await make(peer)
        first.push(bare(await peer.result('reset', { handle, seed: 77 })))
      }
      equal(first[0], first[1], 'the episode')
    },
  },
  {
    rule: 'without a seed the effective one is told, and gives the episode again',
    async run({ greet }) {
      const peer = await greet()
      const handle = await make(peer)
      const once = await peer.result('reset', { handle })
      const again = await peer.result('reset', { handle, seed: at(once, 'info', 'episode', 'seed') })
      equal(bare(again), bare(once), 'the episode')
    },
  },
  {
    rule: 'an episode takes as many steps as there are sites, and is rewarded at its end only',
    async run({ greet }) {
      const peer = await greet()
      const handle = await make(peer)
      const { info } = await peer.result('reset', { handle, seed: 3 })
      const sites = Number(at(info, 'episode', 'sites'))
      for (let step = 1; step <= sites; step++) {
        const answer = await peer.result('step', { handle, actions: 0 })
        equal(at(answer, 'observation', 'step'), step, 'the step')
        equal(answer['terminated'], step === sites, 'terminated')
        if (step < sites) equal(answer['reward'], 0, 'the reward before the end')
        else equal(at(answer, 'observation', 'focus'), -1, 'the focus at the end')
      }
      equal(await peer.refusal('step', { handle, actions: 0 }), 'episode_over', 'the error after the end')
    },
  },
  {
    rule: 'a failure is told with its class and the failure reward, never as a silent zero',
    async run({ greet }) {
      const peer = await greet()
      const handle = await started(peer, { options: { reward: { failure: -7 } } })
      const last = await finish(peer, handle, 9)
      const failure = at(last, 'info', 'outcome', 'failure')
      if (failure === null) return
      equal(last['reward'], -7, 'the reward of a failure')
      must(typeof at(failure, 'class') === 'string', 'the failure has no class')
    },
  },
  {
    rule: 'a bad action is refused and changes nothing',
    async run({ greet }) {
      const peer = await greet()
      const handle = await started(peer)
      for (const actions of [-1, 88, [1]]) {
        equal(await peer.refusal('step', { handle, actions }), 'invalid_action', 'the error')
      }
      equal(await peer.refusal('step', { handle, actions: 1.5 }), 'invalid_message', 'the error of a fraction')
      equal(await stepOf(peer, handle), 0, 'the step')
    },
  },
  {
    rule: 'an environment without an episode is reset_needed',
    async run({ greet }) {
      const peer = await greet()
      const handle = await make(peer)
      for (const [op, fields] of [
        ['step', { actions: 1 }],
        ['observe', {}],
        ['mask', {}],
      ] as const) {
        equal(await peer.refusal(op, { handle, ...fields }), 'reset_needed', `the error of ${op}`)
      }
    },
  },
  {
    rule: 'masks follow the constraints, and an action they exclude is a masked_action that changes nothing',
    async run({ greet }) {
      const peer = await greet()
      const handle = await started(peer, { options: { constraints: { elements: ['O'] } } })
      const { mask } = await peer.result('mask', { handle })
      equal([...fromNdArray(mask as NdArray).entries()].filter(([, bit]) => bit === 1).length, 1, 'allowed actions')
      equal(await peer.refusal('step', { handle, actions: 0 }), 'masked_action', 'the error')
      equal(await stepOf(peer, handle), 0, 'the step')
    },
  },
  {
    rule: 'the graph comes once an episode, and with observe: full at every step',
    async run({ greet }) {
      const peer = await greet()
      for (const observe of ['changes', 'full']) {
        const handle = await started(peer, { options: { observe } })
        const { observation } = await peer.result('step', { handle, actions: 0 })
        equal(at(observation, 'graph') !== undefined, observe === 'full', `a graph in a step of ${observe}`)
      }
    },
  },
  {
    rule: 'reveal: never tells neither the crystal nor its elements',
    async run({ greet }) {
      const peer = await greet()
      const handle = await started(peer, { options: { reveal: 'never' } })
      const outcome = at(await finish(peer, handle), 'info', 'outcome')
      equal([at(outcome, 'crystal'), at(outcome, 'true_elements')], [null, null], 'what is told')
    },
  },
  {
    rule: 'the crystal is rendered as CIF, POSCAR and JSON',
    async run({ greet }) {
      const peer = await greet()
      const handle = await started(peer)
      for (const format of ['cif', 'poscar', 'json']) {
        const { text } = await peer.result('render', { handle, format })
        must(typeof text === 'string' && text.length > 20, `${format} is empty`)
      }
    },
  },
]

const vectors: Case[] = [
  {
    rule: 'in a vector, environment i has the seed + i and shows what it shows alone',
    async run({ greet }) {
      const peer = await greet()
      const vector = await make(peer, { count: 3 })
      const { observation, info } = await peer.result('reset', { handle: vector, seed: 5 })
      equal([...fromNdArray(at(info, 'episodes', 'seed') as NdArray)], [5, 6, 7], 'the seeds')
      const orders: number[] = []
      for (let env = 0; env < 3; env++) {
        const handle = await make(peer)
        const alone = await peer.result('reset', { handle, seed: 5 + env })
        orders.push(...fromNdArray(at(alone, 'observation', 'graph', 'frac_coords') as NdArray))
      }
      equal([...fromNdArray(at(observation, 'graph', 'frac_coords') as NdArray)], orders, 'the positions')
    },
  },
  {
    rule: 'next_step: the step after an end starts the next episode, its action ignored',
    async run({ greet }) {
      const peer = await greet()
      const handle = await started(peer, { count: 1, options: { autoreset: 'next_step' } })
      let step: Message
      do step = await peer.result('step', { handle, actions: [0] })
      while (fromNdArray(step['terminated'] as NdArray)[0] === 0)
      const next = await peer.result('step', { handle, actions: [0] })
      equal([...fromNdArray(at(next, 'observation', 'step') as NdArray)], [0], 'the step')
      must(at(next, 'info', 'episodes') !== undefined, 'no episode is told')
    },
  },
  {
    rule: 'same_step: the step that ends an episode shows the next one, and the outcome has the filling',
    async run({ greet }) {
      const peer = await greet()
      const handle = await started(peer, { count: 1, options: { autoreset: 'same_step' } })
      let step: Message
      do step = await peer.result('step', { handle, actions: [0] })
      while (fromNdArray(step['terminated'] as NdArray)[0] === 0)
      equal([...fromNdArray(at(step, 'observation', 'step') as NdArray)], [0], 'the step')
      must(at(step, 'info', 'outcomes', 'elements') !== undefined, 'the filling is not told')
    },
  },
  {
    rule: 'one bad action in a vector changes none of its environments',
    async run({ greet }) {
      const peer = await greet()
      const handle = await started(peer, { count: 3 })
      equal(await peer.refusal('step', { handle, actions: [1, 2, 99] }), 'invalid_action', 'the error')
      equal([...fromNdArray((await stepOf(peer, handle)) as NdArray)], [0, 0, 0], 'the steps')
    },
  },
]

const connections: Case[] = [
  {
    rule: 'requests sent without waiting are each answered once, those to one environment in order',
    async run({ greet }) {
      const peer = await greet()
      const handle = await started(peer, { options: { autoreset: 'next_step' } })
      const ids = Array.from({ length: 16 }, (_, action) => peer.post({ op: 'step', handle, actions: action }))
      const answers: unknown[] = []
      while (answers.length < ids.length)
        answers.push((await peer.take((message) => 'ok' in message, 'an answer'))['id'])
      equal(answers, ids, 'the order of the answers')
      await peer.result('ping')
      equal(peer.inbox.filter((message) => 'ok' in message).length, 0, 'answers too many')
    },
  },
  {
    rule: 'a session is resumed where it was, its handles told',
    async run({ open, greet }) {
      const peer = await open()
      const { resume, session } = await peer.result('hello', { protocol: PROTOCOL_VERSION, client: 'conformance' })
      const handle = await started(peer, { options: { autoreset: 'next_step' } })
      await peer.result('step', { handle, actions: 1 })
      await peer.cut()
      const again = await open()
      const fields = { protocol: PROTOCOL_VERSION, client: 'conformance', resume }
      const hello = await again.result('hello', fields)
      equal(hello['session'], session, 'the session')
      equal(at((hello['resumed'] as unknown[])[0], 'handle'), handle, 'the handle')
      equal(await stepOf(again, handle), 1, 'the step')
      const stranger = await greet()
      equal(await stranger.refusal('observe', { handle }), 'unknown_handle', 'the error of another session')
    },
  },
  {
    rule: 'a request sent again after a resume gets the answer it had, and is not carried out twice',
    async run({ open }) {
      const peer = await open()
      const { resume } = await peer.result('hello', { protocol: PROTOCOL_VERSION, client: 'conformance' })
      const handle = await started(peer, { options: { autoreset: 'next_step' } })
      const step = { id: 'the-step', op: 'step', handle, actions: 1 }
      const first = await peer.ask(step)
      await peer.cut()
      const again = await open()
      await again.result('hello', { protocol: PROTOCOL_VERSION, client: 'conformance', resume })
      equal(bare(await again.ask(step)), bare(first), 'the answer')
      equal(await stepOf(again, handle), 1, 'the step')
    },
  },
  {
    rule: 'a resume token that nobody has is an unknown_session',
    async run({ open }) {
      const peer = await open()
      const fields = { protocol: PROTOCOL_VERSION, client: 'conformance', resume: 'nobody-has-this' }
      equal(await peer.refusal('hello', fields), 'unknown_session', 'the error')
    },
  },
  {
    rule: 'close with a handle frees it, close without one ends the session',
    async run({ open }) {
      const peer = await open()
      const { resume } = await peer.result('hello', { protocol: PROTOCOL_VERSION, client: 'conformance' })
      const handle = await make(peer)
      await peer.result('close', { handle })
      equal(await peer.refusal('reset', { handle }), 'unknown_handle', 'the error')
      await peer.result('close')
      const again = await open()
      const fields = { protocol: PROTOCOL_VERSION, client: 'conformance', resume }
      equal(await again.refusal('hello', fields), 'unknown_session', 'the error')
    },
  },
]

const evaluations: Case[] = [
  {
    rule: 'long work is accepted first, tells its progress, and is answered once',
    async run({ greet, skip }) {
      const peer = await greet()
      const id = peer.post({ op: 'evaluate', structure: newCrystal() })
      const first = await peer.take((message) => message['id'] === id, 'a word on the evaluation')
      if ('ok' in first) skip('the server calculates nothing')
      equal(first['accepted'], true, 'the first word')
      const second = await peer.take((message) => message['id'] === id, 'progress of the evaluation')
      must('progress' in second, `after accepted comes ${JSON.stringify(second)}, no progress`)
      must(['queued', 'running'].includes(String(at(second, 'progress', 'state'))), 'the progress has no state')
      const cancel = await peer.result('cancel', { request: id })
      equal(cancel['cancelled'], true, 'cancelled')
      const answer = await peer.answerTo(id)
      equal(at(answer, 'error', 'code'), 'cancelled', 'the error')
    },
  },
  {
    rule: 'a structure that is no sound crystal is an invalid_structure',
    async run({ greet }) {
      const flat = { ...newCrystal(), lattice: [1, 2, 3].map((k) => [k, 0, 0]) }
      equal(await (await greet()).refusal('evaluate', { structure: flat }), 'invalid_structure', 'the error')
    },
  },
  {
    rule: 'an evaluation that the session never made is an unknown_evaluation',
    async run({ greet }) {
      const peer = await greet()
      equal(await peer.refusal('evaluation', { evaluation: 999_999 }), 'unknown_evaluation', 'the error')
    },
  },
]

/** Every rule, in the order of the specification. */
export const CASES: readonly Case[] = [
  ...greeting,
  ...strictness,
  ...episodes,
  ...vectors,
  ...connections,
  ...evaluations,
]
