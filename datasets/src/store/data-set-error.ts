/** What is wrong with a data set, or with a request about one. Codes are stable; texts may change. */
export type DataSetErrorCode =
  /** An option from outside has no sense. */
  | 'bad_argument'
  /** A shard is no shard, or its tensors contradict each other. */
  | 'bad_shard'
  /** Another crystal of the data set has this id. */
  | 'duplicate_id'
  /** No crystal at all was accepted. */
  | 'empty_data_set'
  /** The output folder has something in it. */
  | 'exists'
  /** The neighbour graph of a crystal could not be computed. */
  | 'graph_failed'
  /** Crystals of a computation have no result. */
  | 'incomplete'
  /** A file is not the one the manifest describes. */
  | 'hash_mismatch'
  /** The Niggli cell of a crystal could not be computed. */
  | 'niggli_failed'
  /** No manifest, or one that is not of a data set. */
  | 'not_a_data_set'
  /** A program that this one needs cannot be run, or did not do what it should. */
  | 'program_failed'
  /** The space group of a crystal could not be found. */
  | 'symmetry_failed'
  /** `verify` found errors. */
  | 'not_sound'
  /** A shard is cut off. */
  | 'truncated_shard'
  /** The built-in data set has no label set of that name. */
  | 'unknown_label_set'
  | 'unknown_split'
  /** A server does not answer, or refuses. */
  | 'unreachable'
  /** A file cannot be read. */
  | 'unreadable_file'
  /** The folder is of another version of the format. */
  | 'unsupported_version'
  /** A computing thread ended. */
  | 'worker_failed'

/** The message reads `<what> (<how to mend it>)`. */
export class DataSetError extends Error {
  override readonly name = 'DataSetError'

  constructor(
    readonly code: DataSetErrorCode,
    what: string,
    fix: string,
  ) {
    super(`${what} (${fix})`)
  }
}
