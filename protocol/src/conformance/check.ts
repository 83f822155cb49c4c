import { PROTOCOL_VERSION, type Encoding } from '../version.js'
import { CASES, type Bench } from './cases.js'
import { Peer, type Message } from './peer.js'

export interface CheckOptions {
  readonly token?: string | undefined
  /** Default: both. */
  readonly encodings?: readonly Encoding[]
  /** Longest wait for an answer, ms. Default: 10 s. */
  readonly patienceMs?: number
  /** Only the rules that contain this text. */
  readonly only?: string | undefined
  readonly onVerdict?: (verdict: Verdict) => void
}

/** How a server stands to a rule. */
export interface Verdict {
  readonly rule: string
  readonly encoding: Encoding
  readonly status: 'passed' | 'failed' | 'skipped'
  /** What is wrong, or why the rule was passed over. */
  readonly reason: string | null
}

class Skipped extends Error {}

/** Holds a server against every rule of the specification, in both subprotocols. */
export async function checkServer(url: string, options: CheckOptions = {}): Promise<Verdict[]> {
  const { token, encodings = ['msgpack', 'json'], patienceMs = 10_000, only = '', onVerdict = () => {} } = options
  const verdicts: Verdict[] = []
  for (const encoding of encodings) {
    for (const { rule, run } of CASES.filter((one) => one.rule.includes(only))) {
      const peers: Peer[] = []
      const open = async () => {
        const peer = await Peer.open(url, encoding, patienceMs)
        peers.push(peer)
        const result = peer.result.bind(peer)
        const refusal = peer.refusal.bind(peer)
        const tokened = (op: string, fields: Message = {}) =>
          op === 'hello' && token !== undefined ? { token, ...fields } : fields
        peer.result = (op, fields) => result(op, tokened(op, fields))
        peer.refusal = (op, fields) => refusal(op, tokened(op, fields))
        return peer
      }
      const bench: Bench = {
        encoding,
        open,
        async greet(fields = {}) {
          const peer = await open()
          await peer.result('hello', { protocol: PROTOCOL_VERSION, client: 'conformance', ...fields })
          return peer
        },
        skip(reason) {
          throw new Skipped(reason)
        },
      }
      const verdict = await judge(() => run(bench))
      verdicts.push({ rule, encoding, ...verdict })
      onVerdict(verdicts.at(-1)!)
      await Promise.all(peers.map((peer) => peer.cut()))
    }
  }
  return verdicts
}

async function judge(run: () => Promise<void>): Promise<Pick<Verdict, 'status' | 'reason'>> {
  try {
    await run()
    return { status: 'passed', reason: null }
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    return { status: error instanceof Skipped ? 'skipped' : 'failed', reason }
  }
}
