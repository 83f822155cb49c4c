/** What can go wrong with an agent, next to the errors of data sets, networks and connections. */
export type AgentErrorCode = 'data_needed'

/** The message reads `<what> (<how to mend it>)`. */
export class AgentError extends Error {
  override readonly name = 'AgentError'

  constructor(
    readonly code: AgentErrorCode,
    what: string,
    fix: string,
  ) {
    super(`${what} (${fix})`)
  }
}
