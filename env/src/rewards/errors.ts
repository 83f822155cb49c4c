/** What is wrong with a cache of results as a whole; a single damaged result is told by `verify`. */
export const CACHE_ERRORS = {
  cache_missing: 'there is no cache in that folder',
  cache_unwritable: 'the cache cannot be written: rights, a full disk',
  cache_foreign: 'the folder holds another thing, or a cache of another version',
  cache_corrupt: 'the file of the cache is damaged',
  bad_cache_line: 'a line of a file to import is no result, or not what it says it is',
} as const

export type CacheErrorCode = keyof typeof CACHE_ERRORS

/** An error of the cache; the message reads `<what> (<how to mend it>)`. */
export class CacheError extends Error {
  override readonly name = 'CacheError'

  constructor(
    readonly code: CacheErrorCode,
    what: string,
    fix: string,
    options?: ErrorOptions,
  ) {
    super(`${what} (${fix})`, options)
  }
}
