import { mkdirSync, writeFileSync } from 'node:fs'
import { VECTOR_FILES, vectorFile } from './vectors.js'

// `npm run vectors`: writes the test vectors again, after the wire was changed on purpose.
const folder = new URL('../../conformance/vectors/', import.meta.url)
mkdirSync(folder, { recursive: true })
for (const kind of VECTOR_FILES) writeFileSync(new URL(`${kind}.json`, folder), vectorFile(kind))
