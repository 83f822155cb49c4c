/** What can go wrong with an agent, next to the errors of data sets, networks and connections. */
export type AgentErrorCode =
  /** An agent or a training needs a data set, or another one. */
  | 'data_needed'
  | 'wrong_data'
  /** An agent needs a checkpoint, or the one given is of another kind. */
  | 'checkpoint_needed'
  | 'bad_checkpoint'
  /** The folder of a new run holds something; the folder of a run to go on with holds none, or another one. */
  | 'folder_in_use'
  | 'nothing_to_resume'
  /** A loss that is not finite. */
  | 'diverged'
  | 'too_little_memory'
  | 'bad_option'

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
