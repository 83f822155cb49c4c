import { createProgress, interruptible, positiveInteger, writeText } from '@unitcell/datasets'
import { connect, ProtocolError } from '@unitcell/protocol'
import { play, type GeneratedCrystal } from '@unitcell/training'
import { BACKEND_CHOICES, type BackendChoice } from '@unitcell/network'
import { Command, Option } from 'commander'
import { AGENT_NAMES, loadAgent } from './agents.js'
import { nonNegative, wholeNumber } from './numbers.js'

interface RunOptions {
  readonly server: string
  readonly data?: string
  readonly checkpoint?: string
  readonly temperature?: number
  readonly votes?: number
  readonly neutral?: boolean
  readonly backend: BackendChoice
  readonly threads?: number
  readonly dataset?: string
  readonly split: string
  readonly episodes?: number
  readonly seed: number
  readonly target?: number
  readonly sites: 'shuffled' | 'file'
  readonly batch: number
  readonly rewards: 'wait' | 'defer'
  readonly token?: string
  readonly out?: string
  readonly json?: boolean
}

/** `unitcell-agent run`: an agent plays the crystals of a split over the wire. */
export function runCommand(): Command {
  return new Command('run')
    .description('play every crystal of a split over the wire')
    .argument('<agent>', `${AGENT_NAMES.join(', ')}, or the path of a module that exports createAgent`)
    .requiredOption('--server <url>', 'address of the environment server, e.g. ws://127.0.0.1:8787')
    .option('--data <dir>', 'data set whose split train the agent may know: a folder, or builtin')
    .option('--checkpoint <dir>', 'folder of a training run, for agents that have learnt')
    .option('--temperature <t>', '0: the best action (default); else drawn from softmax(Q / t)', nonNegative)
    .option(
      '--votes <n>',
      'fillings that a network imagines before it decides; 1: none (default: 8 for the preset best)',
      positiveInteger,
    )
    .option('--neutral', 'let the environment forbid elements that rule charge neutrality out')
    .addOption(new Option('--backend <name>', 'engine of the network').choices(BACKEND_CHOICES).default('auto'))
    .option('--threads <n>', 'computing threads of the network (default: one per core)', positiveInteger)
    .option('--dataset <name>', 'data set of the server (default: its first)')
    .option('--split <name>', 'split to play', 'val')
    .option('--episodes <n>', 'number of episodes (default: one for each crystal of the split)', positiveInteger)
    .option('--seed <n>', 'seed of the episodes and of the agent', wholeNumber, 0)
    .option('--target <eV>', 'target band gap', nonNegative)
    .addOption(new Option('--sites <order>', 'order of the sites').choices(['shuffled', 'file']).default('shuffled'))
    .option('--batch <n>', 'environments stepped together', positiveInteger, 64)
    .addOption(
      new Option('--rewards <when>', 'where rewards are calculated: wait for each, or collect them at the end')
        .choices(['wait', 'defer'])
        .default('wait'),
    )
    .option('--token <token>', 'secret of the server (default: $UNITCELL_TOKEN)')
    .option('--out <file>', 'write the generated crystals as JSON lines (.gz: compressed)')
    .option('--json', 'print the summary as JSON')
    .action(run)
}

/** The server refused something. The message reads `<what> (<how to mend it>)`. */
class Refusal extends Error {
  readonly code: string

  constructor(error: ProtocolError) {
    super(`the server refused: ${error.message} (${error.advice})`, { cause: error })
    this.code = error.code
  }
}

async function run(name: string, options: RunOptions): Promise<void> {
  try {
    await playAndReport(name, options)
  } catch (error) {
    throw error instanceof ProtocolError ? new Refusal(error) : error
  }
}

async function playAndReport(name: string, options: RunOptions): Promise<void> {
  const {
    data,
    checkpoint,
    temperature,
    votes,
    neutral,
    backend,
    threads,
    dataset,
    split,
    seed,
    target,
    sites,
    batch,
    episodes,
    rewards,
    out,
  } = options
  const agent = await (
    await loadAgent(name)
  ).createAgent({
    seed,
    backend,
    ...(temperature !== undefined && { temperature }),
    ...(votes !== undefined && { votes }),
    ...(data !== undefined && { data }),
    ...(checkpoint !== undefined && { checkpoint }),
    ...(threads !== undefined && { threads }),
  })
  const token = options.token ?? process.env['UNITCELL_TOKEN']
  const client = await connect(options.server, { client: `unitcell-agent ${agent.name}`, ...(token && { token }) })
  try {
    let progress: ReturnType<typeof createProgress> | null = null
    const crystals = await interruptible(async (signal) => {
      const stopped = new Promise<never>((_, reject) =>
        signal.addEventListener('abort', () => reject(signal.reason as Error)),
      )
      const played = play(client, agent, {
        seed,
        batch,
        ...(episodes === undefined ? {} : { episodes }),
        environment: {
          dataset: dataset ?? null,
          split,
          sites,
          rewards,
          reward: { target: target ?? null },
          ...(neutral && { mask: true, constraints: { neutral } }),
        },
        onProgress: (done, total, awaited) => {
          progress ??= createProgress({ label: agent.name, total, unit: 'crystals' })
          progress.update(done, awaited)
        },
      })
      return Promise.race([played, stopped])
    }).finally(() => progress?.stop())
    if (out !== undefined) await writeText(out, crystals.map((crystal) => `${JSON.stringify(crystal)}\n`).join(''))
    report(crystals, options, agent.name)
  } finally {
    await client.close()
  }
}

function report(crystals: readonly GeneratedCrystal[], { seed, out, json }: RunOptions, agent: string): void {
  const rewards = crystals.map((crystal) => crystal.reward)
  const failures: Record<string, number> = {}
  for (const { failure } of crystals) if (failure !== null) failures[failure.class] = (failures[failure.class] ?? 0) + 1
  const summary = {
    agent,
    seed,
    episodes: crystals.length,
    mean_reward: rewards.reduce((sum, reward) => sum + reward, 0) / rewards.length,
    evaluated: crystals.filter((crystal) => crystal.failure === null).length,
    failures,
    out: out ?? null,
  }
  if (json) {
    console.log(JSON.stringify(summary))
    return
  }
  const failed = Object.entries(failures).map(([failureClass, count]) => `${count} ${failureClass}`)
  console.log(`${agent}: ${summary.episodes} crystals filled, seed ${seed}`)
  console.log(
    `mean reward ${summary.mean_reward.toFixed(4)}; evaluated ${summary.evaluated}; failed ${failed.join(', ') || 'none'}`,
  )
  if (out !== undefined) console.log(`written to ${out}; score it: unitcell-eval metrics ${out}`)
}
