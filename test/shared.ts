import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** The folder of large reference data beside the project; present for its developers and in CI, absent for a user. */
const folder = fileURLToPath(new URL('../../shared/', import.meta.url))

export const hasShared = existsSync(folder)

/** Path of a file under `shared/`. */
export function shared(path: string): string {
  return folder + path
}

/** Appended to the name of a test that needs `shared/`, so that a skip says why. */
export const needsShared = hasShared ? '' : ' (skipped: the folder ../shared is absent)'
