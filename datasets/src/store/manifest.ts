import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { z } from 'zod'
import { DataSetError } from './data-set-error.js'

export const MANIFEST_FILE = 'manifest.json'
export const REJECTED_FILE = 'rejected.jsonl'
export const MANIFEST_FORMAT = 'unitcell-data-set'
/** Version of the folder's format; a folder of another one is refused. */
export const MANIFEST_VERSION = 1

const sha256Schema = z.string().regex(/^[0-9a-f]{64}$/)
const count = z.int().nonnegative()
/** Also a file name, hence no dots and slashes. */
export const splitNameSchema = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/)

const splitSchema = z.strictObject({
  /** `<split>.safetensors`; a plain name, so that a foreign manifest cannot point out of its folder. */
  file: z.string().regex(/^[A-Za-z0-9_-]+\.safetensors$/),
  bytes: count,
  sha256: sha256Schema,
  crystals: count,
  sites: count,
  edges: count,
  /** Steps of the paper's data: the sum over connected crystals of N * min(5, N). */
  transitions: count,
  /** Crystals whose graph falls into parts. */
  disconnected: count,
})

export const manifestSchema = z.strictObject({
  format: z.literal(MANIFEST_FORMAT),
  format_version: z.literal(MANIFEST_VERSION),
  name: z.string().min(1),
  created_by: z.strictObject({ program: z.string(), version: z.string() }),
  licence: z.string().nullable(),
  options: z.strictObject({ cell: z.enum(['niggli', 'as-given']), max_sites: z.int().positive() }),
  /** Where the crystals come from, in the order of reading. */
  sources: z.array(z.strictObject({ split: splitNameSchema, file: z.string(), bytes: count, sha256: sha256Schema })),
  splits: z.record(splitNameSchema, splitSchema),
  rejected: z.strictObject({
    file: z.literal(REJECTED_FILE),
    bytes: count,
    sha256: sha256Schema,
    rows: count,
    by_code: z.record(z.string(), count),
  }),
  /** How the labels were computed: settings, pseudopotentials and their hashes; null where not stated. */
  label_set: z.record(z.string(), z.unknown()).nullable(),
  label_set_sha256: sha256Schema.nullable(),
  /** The data set's identity; see `dataSetHash`. */
  hash: sha256Schema,
})

/** `manifest.json` of a data-set folder. */
export type Manifest = z.infer<typeof manifestSchema>
export type SplitManifest = z.infer<typeof splitSchema>
export type CellChoice = Manifest['options']['cell']

export function sha256(bytes: Uint8Array | string): string {
  return createHash('sha256').update(bytes).digest('hex')
}

/** The identity of a label set: the SHA-256 of its JSON with sorted keys and without white space. */
export function labelSetHash(labelSet: Readonly<Record<string, unknown>>): string {
  return sha256(canonicalJson(labelSet))
}

/**
 * The identity of a data set: the SHA-256 of the lines `<split> <sha256 of the shard>`, splits in alphabetical order,
 * and `label-set <sha256 or none>`. Name, licence, sources and rejected rows have no part in it.
 */
export function dataSetHash(manifest: Pick<Manifest, 'splits' | 'label_set_sha256'>): string {
  const lines = Object.keys(manifest.splits)
    .sort()
    .map((split) => `${split} ${manifest.splits[split].sha256}\n`)
  return sha256([...lines, `label-set ${manifest.label_set_sha256 ?? 'none'}\n`].join(''))
}

/**
 * @param source the manifest's path, for errors
 * @throws {DataSetError} `not_a_data_set` or `unsupported_version`
 */
export function parseManifest(text: string, source: string): Manifest {
  const fix = 'name a folder that `unitcell-data import` made'
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw new DataSetError('not_a_data_set', `${source} is not JSON: ${(error as Error).message}`, fix)
  }
  const { format, format_version: version } = (value ?? {}) as Record<string, unknown>
  if (format !== MANIFEST_FORMAT) {
    throw new DataSetError('not_a_data_set', `${source} is not the manifest of a data set`, fix)
  }
  if (version !== MANIFEST_VERSION) {
    const what = `${source} is of format version ${JSON.stringify(version)}, this program reads ${MANIFEST_VERSION}`
    throw new DataSetError('unsupported_version', what, 'import the data set again, or use the program that made it')
  }
  const parsed = manifestSchema.safeParse(value)
  if (!parsed.success) {
    const [issue] = parsed.error.issues
    const what = `${source} is damaged: ${issue.path.join('.') || 'manifest'}: ${issue.message}`
    throw new DataSetError('not_a_data_set', what, 'import the data set again')
  }
  return parsed.data
}

/** Version of this package, as manifests record it. */
export const PROGRAM_VERSION = (
  JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string }
).version

function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  )
}
