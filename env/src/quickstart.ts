import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { execaNode } from 'execa'
import { computeGenerated, dftLack } from './quickstart-dft.js'

// `npm run quickstart`: the whole path once, with the programs a user would start by hand: the environment server on the
// built-in data set, the random agent and a freshly trained one playing it over the wire, and the scores of what they built.

const EPISODES = 2000
/** How long behavioural cloning learns; the engine decides how far it gets. */
const MINUTES = 1
const STEPS = 6000
const SEED = 1

const program = (path: string) => fileURLToPath(new URL(`../../${path}/bin.js`, import.meta.url))
const SERVER = program('env')
const AGENT = program('agents/cli')
const EVALUATION = program('evaluation')

/** Waits for the line in which the server says where it listens. */
async function address(output: Readable): Promise<string> {
  for await (const line of createInterface(output)) {
    console.log(`   ${line}`)
    const url = /ws:\/\/\S+/.exec(line)
    if (url !== null) return url[0]
  }
  throw new Error('the server ended before it listened (its message stands above)')
}

/** Prints what a program says, but not where it wrote: that folder is temporary. */
async function filtered(lines: AsyncIterable<unknown>): Promise<void> {
  for await (const line of lines) if (!String(line).startsWith('written to')) console.log(line)
}

async function quickstart(): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'unitcell-quickstart-'))
  console.log('1. unitcell-env serve: the environment server, on crystals computed with Quantum Espresso')
  const server = execaNode(SERVER, ['serve', '--no-dft', '--port', '0'], { stderr: 'inherit', reject: false })
  try {
    const url = await address(server.stdout)
    const play = async (agent: string, options: readonly string[]) => {
      const out = join(folder, `${agent}.jsonl`)
      const args = ['--server', url, '--split', 'val', '--seed', String(SEED)]
      await filtered(execaNode(AGENT, ['run', agent, ...args, ...options, '--out', out], { stderr: 'inherit' }))
      await execaNode(EVALUATION, ['metrics', out], { stdio: 'inherit' })
      return out
    }
    console.log(
      `\n2. unitcell-agent run random: ${EPISODES} episodes over the wire, and unitcell-eval metrics: the score`,
    )
    const random = await play('random', ['--episodes', String(EPISODES)])
    console.log(`\n3. unitcell-agent train bc: behavioural cloning of the training crystals, about ${MINUTES} minute`)
    const run = join(folder, 'bc')
    const length = ['--steps', String(STEPS), '--minutes', String(MINUTES), '--evaluate-every', '1000']
    const data = ['--data', 'builtin', '--out', run, '--seed', String(SEED)]
    await filtered(execaNode(AGENT, ['train', 'bc', ...data, ...length], { stderr: 'inherit' }))
    console.log('\n4. unitcell-agent run bc: every crystal of val, beside what random did to them')
    await play('bc', ['--checkpoint', run])
    const lack = await dftLack()
    if (lack === null) {
      console.log(
        '\n5. unitcell-env dft: a few crystals that random made up, by Quantum Espresso (reward for a gap of 1.12 eV)',
      )
      await computeGenerated(SERVER, random, folder)
    } else console.log(`\n5. Quantum Espresso, which computes crystals without a label: ${lack}`)
  } finally {
    server.kill('SIGTERM')
    await server
    await rm(folder, { recursive: true, force: true })
  }
  console.log(`
Everything is stopped again. What next:
  npx unitcell-env serve                                            keep a server running
  npx unitcell-agent run random --server ws://127.0.0.1:8787        play it, from a second terminal
  npx unitcell-agent run ./my-agent.js --server ws://127.0.0.1:8787 play it with an agent of your own (README.md)
  npx unitcell-data import --out my-data --split train=FILE         use crystals of your own`)
}

try {
  await quickstart()
} catch (error) {
  console.error(`quickstart: error: ${error instanceof Error ? error.message : String(error)}`)
  process.exitCode = 1
}
