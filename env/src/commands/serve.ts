import { BUILTIN, BUILTIN_LABEL_SETS, CrystalDataSet, ELEMENT_COUNT } from '@unitcell/datasets'
import { DEFAULT_LIMITS, type Limits } from '@unitcell/protocol'
import { Command, InvalidArgumentError } from 'commander'
import type { CalculatedRewards } from '../server/calculated-rewards.js'
import { EnvironmentServer } from '../server/server.js'
import { addRewardOptions, chooseRewards, type RewardOptions } from './serve-rewards.js'

interface ServeOptions extends RewardOptions {
  readonly data: readonly string[]
  readonly host: string
  readonly port: number
  readonly token?: string
  readonly allowOrigin: readonly string[]
  readonly limit: Partial<Limits>
  readonly logLevel: string
}

const collect = (value: string, values: readonly string[]) => [...values, value]

function parsePort(text: string): number {
  const port = Number(text)
  if (/^\d+$/.test(text) && port <= 65535) return port
  throw new InvalidArgumentError('Give a port, 0 to 65535 (0: any free one).')
}

function parseLimit(text: string, limits: Partial<Limits>): Partial<Limits> {
  const [name, value] = text.split('=')
  const number = Number(value)
  if (Object.hasOwn(DEFAULT_LIMITS, name) && Number.isFinite(number) && number > 0) return { ...limits, [name]: number }
  throw new InvalidArgumentError(`Give NAME=NUMBER with one of ${Object.keys(DEFAULT_LIMITS).join(', ')}.`)
}

/** `unitcell-env serve`: runs the server until Ctrl-C or SIGTERM. */
export function serveCommand(): Command {
  const command = new Command('serve')
    .description('serve crystal environments on a WebSocket')
    .option('--data <dir>', 'data-set folder, builtin or builtin:gth (repeatable; default: builtin)', collect, [])
    .option('--host <host>', 'address to listen on', '127.0.0.1')
    .option('--port <port>', 'port to listen on; 0: any free one', parsePort, 8787)
    .option('--token <token>', 'secret that clients must send (default: $UNITCELL_TOKEN, else none)')
    .option(
      '--allow-origin <origin>',
      'origin of web pages that may connect, e.g. https://example.org (repeatable)',
      collect,
      [],
    )
    .option('--limit <name=number>', 'change a limit of the protocol (repeatable)', parseLimit, {})
    .option('--log-level <level>', 'fatal, error, warn, info, debug', 'warn')
  return addRewardOptions(command).action(serve)
}

async function serve(options: ServeOptions, command: Command): Promise<void> {
  const { data, host, port, token, allowOrigin, limit, logLevel } = options
  const { calculated, description } = await chooseRewards(options, command)
  try {
    const datasets = await Promise.all(
      (data.length > 0 ? data : [BUILTIN]).map((name) => openDataSet(name, calculated)),
    )
    const server = await EnvironmentServer.start({
      datasets,
      ...(calculated && { rewards: calculated }),
      host,
      port,
      token: token ?? process.env['UNITCELL_TOKEN'] ?? null,
      origins: allowOrigin,
      limits: limit,
      logLevel,
    })
    for (const dataset of datasets) console.log(describeDataSet(dataset, calculated))
    console.log(`rewards: ${description}`)
    console.log(`listening on ${server.url}`)
    await new Promise((resolve) => process.once('SIGINT', resolve).once('SIGTERM', resolve))
    await server.stop()
  } finally {
    await calculated?.stop()
  }
}

/** Of the label sets of the built-in data set the one that calculations can go on from, whatever its name says. */
async function openDataSet(name: string, calculated: CalculatedRewards | null): Promise<CrystalDataSet> {
  if (name !== BUILTIN || calculated === null) return CrystalDataSet.open(name)
  const sets = await Promise.all(BUILTIN_LABEL_SETS.map((labelSet) => CrystalDataSet.openBuiltin(labelSet, BUILTIN)))
  const counted = sets.map((dataset) => calculated.countedElements(dataset))
  return sets[counted.indexOf(Math.max(...counted))]
}

function describeDataSet(dataset: CrystalDataSet, calculated: CalculatedRewards | null): string {
  const splits = dataset.splits.map((name) => `${name} ${dataset.split(name).count}`)
  const text = `data set ${dataset.name}: ${splits.join(', ')} crystals`
  const elements = calculated?.countedElements(dataset)
  if (elements === undefined || elements === ELEMENT_COUNT) return text
  if (elements > 0) return `${text}; its labels count for ${elements} elements, whose pseudopotentials are the same`
  return `${text}; its labels are of another label set than the calculations, and do not count`
}
