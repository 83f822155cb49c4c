import { rename, rm, writeFile } from 'node:fs/promises'

/** Writes a file under a temporary name first: it is never seen half written, and an older one stays until then. */
export async function writeWhole(file: string, content: Uint8Array | string): Promise<void> {
  const temporary = `${file}.${process.pid}.tmp`
  try {
    await writeFile(temporary, content)
    await rename(temporary, file)
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
}
