import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { AgentModule } from '@unitcell/training'

/** The agents of the house, loaded when asked for. */
const AGENTS: Readonly<Record<string, () => Promise<AgentModule>>> = {
  random: () => import('@unitcell/random'),
  oxygen: async () => (await import('@unitcell/frequency')).oxygen,
  frequency: async () => (await import('@unitcell/frequency')).frequency,
  bc: () => import('@unitcell/behavioral-cloning'),
  cql: () => import('@unitcell/cql'),
  'conditional-cql': () => import('@unitcell/conditional-cql'),
  'nearest-skeleton': () => import('@unitcell/nearest-skeleton'),
}

export const AGENT_NAMES = Object.keys(AGENTS)

/** No such agent, or a module that is none. The message reads `<what> (<how to mend it>)`. */
export class UnknownAgent extends Error {
  readonly code = 'unknown_agent'
}

/**
 * The module of an agent: one of the house, or the path of a JavaScript file that exports `createAgent`.
 *
 * @throws UnknownAgent
 */
export async function loadAgent(name: string): Promise<AgentModule> {
  const load = Object.hasOwn(AGENTS, name) ? AGENTS[name] : null
  if (load !== null) return load()
  const path = resolve(name)
  if (!existsSync(path)) {
    throw new UnknownAgent(`no agent ${name} (known: ${AGENT_NAMES.join(', ')}; or the path of a module of your own)`)
  }
  const module = await importAgent(path)
  if (typeof module.createAgent === 'function') return module as AgentModule
  throw new UnknownAgent(`${path} is no agent (export a function createAgent(options))`)
}

async function importAgent(path: string): Promise<Partial<AgentModule>> {
  try {
    return (await import(pathToFileURL(path).href)) as Partial<AgentModule>
  } catch (error) {
    const { message, stack = '' } = error instanceof Error ? error : new Error(String(error))
    const place = stack.split('\n').find((line) => line.includes(path) && !line.includes(message)) ?? ''
    const what = `${path} cannot be loaded: ${message}${place && ` ${place.trim()}`}`
    throw new UnknownAgent(`${what} (give a JavaScript module that runs in Node)`)
  }
}
