import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { execaNode } from 'execa'

// `npm run quickstart`: the whole path once, with the programs a user would start by hand: the environment server on the
// built-in data set, the random agent playing it over the wire, and the score of what it built.

const EPISODES = 2000
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

async function quickstart(): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'unitcell-quickstart-'))
  const out = join(folder, 'random.jsonl')
  console.log('1. unitcell-env serve: the environment server, on crystals computed with Quantum Espresso')
  const server = execaNode(SERVER, ['serve', '--no-dft', '--port', '0'], { stderr: 'inherit', reject: false })
  try {
    const url = await address(server.stdout)
    console.log(`\n2. unitcell-agent run random: ${EPISODES} episodes over the wire, seed ${SEED}`)
    const episodes = ['--split', 'val', '--episodes', String(EPISODES), '--seed', String(SEED)]
    const agent = execaNode(AGENT, ['run', 'random', '--server', url, ...episodes, '--out', out], { stderr: 'inherit' })
    // Not where it wrote: that folder is temporary.
    for await (const line of agent) if (!line.startsWith('written to')) console.log(line)
    console.log('\n3. unitcell-eval metrics: the score, beside the paper')
    await execaNode(EVALUATION, ['metrics', out], { stdio: 'inherit' })
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
