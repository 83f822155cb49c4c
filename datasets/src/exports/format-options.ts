import type { Room } from './observations.js'

/** What the writer of a format needs besides the episodes. */
export interface FormatOptions {
  readonly room: Room
  /** One paragraph: what this is. */
  readonly description: string
  readonly licence: string | null
  /** Called after so many more episodes; throws to stop the export. */
  readonly onEpisodes: (episodes: number) => Promise<void>
}
