import { parseArgs } from 'node:util'
import { socketUrl } from '../client/channel.js'
import { checkServer, type Verdict } from './check.js'

const usage = `Usage: npm run conformance -- --server <url> [--token <token>] [--only <text>] [--timeout <seconds>] [--json]

Holds an environment server against every rule of the protocol, in both subprotocols, and says which it breaks.
A server that calculates rewards is asked for one calculation, which is withdrawn at once.`

const marks = { passed: 'ok  ', failed: 'FAIL', skipped: 'skip' } as const

function show({ rule, encoding, status, reason }: Verdict): void {
  console.log(`${marks[status]} ${encoding.padEnd(7)} ${rule}${reason === null ? '' : `\n             ${reason}`}`)
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      server: { type: 'string' },
      token: { type: 'string' },
      only: { type: 'string' },
      timeout: { type: 'string', default: '10' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) {
    console.log(usage)
    return
  }
  if (values.server === undefined) throw new Error('no server (say which: --server ws://127.0.0.1:8787)')
  const seconds = Number(values.timeout)
  if (!(seconds > 0)) throw new Error(`--timeout ${values.timeout} is none (give seconds)`)
  const verdicts = await checkServer(socketUrl(values.server).href, {
    token: values.token ?? process.env['UNITCELL_TOKEN'],
    only: values.only,
    patienceMs: 1000 * seconds,
    onVerdict: values.json ? () => {} : show,
  })
  const count = (status: Verdict['status']) => verdicts.filter((verdict) => verdict.status === status).length
  const summary = { passed: count('passed'), failed: count('failed'), skipped: count('skipped') }
  if (verdicts.length === 0) throw new Error(`no rule contains ${JSON.stringify(values.only)} (leave --only out)`)
  if (values.json) console.log(JSON.stringify({ ...summary, verdicts }))
  else console.log(`${summary.passed} passed, ${summary.failed} failed, ${summary.skipped} skipped`)
  process.exitCode = summary.failed === 0 ? 0 : 1
}

try {
  await main()
} catch (error) {
  console.error(`conformance: error: ${error instanceof Error ? error.message : String(error)}`)
  process.exitCode = 1
}
