import { readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { BUILTIN_LABEL_SETS, builtinFolder, builtinLabelSet, builtinName, type BuiltinLabelSet } from './builtin.js'
import { DataSetError } from './data-set-error.js'
import type { Manifest } from './manifest.js'
import { dataSetHash, labelSetHash, MANIFEST_FILE, parseManifest, sha256 } from './manifest.js'
import { fetchDataSet, isServerUrl } from './fetch-data-set.js'
import { CrystalShard } from './shard.js'

/**
 * A data set: named splits of crystals with their graphs, symmetry and labels. Splits are read when first asked for,
 * one read each; what they return are views of that memory.
 */
export class CrystalDataSet {
  private readonly shards = new Map<string, CrystalShard>()

  /**
   * @param manifest what `readFile` is to deliver
   * @param readFile the bytes of a file of the data set
   * @param source what to call the data set in an error
   */
  constructor(
    readonly manifest: Manifest,
    private readonly readFile: (file: string) => Uint8Array,
    private readonly source: string,
  ) {}

  /**
   * Opens a data-set folder, or the data set that comes with the program: `builtin`, or `builtin:gth` with its labels of
   * the other label set, or that of a server by its address (`fetchDataSet`).
   *
   * @throws {DataSetError} `not_a_data_set`, `unsupported_version`, `unknown_label_set`, `unreachable` or `hash_mismatch`
   */
  static async open(folderOrBuiltin: string): Promise<CrystalDataSet> {
    if (isServerUrl(folderOrBuiltin)) return CrystalDataSet.openFolder(await fetchDataSet(folderOrBuiltin))
    const labelSet = builtinLabelSet(folderOrBuiltin)
    return labelSet ? CrystalDataSet.openBuiltin(labelSet) : CrystalDataSet.openFolder(folderOrBuiltin)
  }

  /** The built-in data set with the labels of one label set. @param name what it is to be called */
  static async openBuiltin(
    labelSet: BuiltinLabelSet = BUILTIN_LABEL_SETS[0],
    name = builtinName(labelSet),
  ): Promise<CrystalDataSet> {
    const folder = builtinFolder(labelSet)
    const { manifest } = await CrystalDataSet.openFolder(folder)
    return new CrystalDataSet({ ...manifest, name }, (file) => readFileSync(join(folder, file)), name)
  }

  /**
   * Opens a data-set folder. Hashes are not compared; see `verifyHashes`.
   *
   * @throws {DataSetError} `not_a_data_set` or `unsupported_version`
   */
  static async openFolder(folder: string): Promise<CrystalDataSet> {
    const path = join(folder, MANIFEST_FILE)
    let text: string
    try {
      text = await readFile(path, 'utf8')
    } catch (error) {
      const what = `${folder} is not a data set: its ${MANIFEST_FILE} cannot be read: ${(error as NodeJS.ErrnoException).code}`
      throw new DataSetError('not_a_data_set', what, 'name a folder that `unitcell-data import` made, or `builtin`')
    }
    return new CrystalDataSet(parseManifest(text, path), (file) => readFileSync(join(folder, file)), folder)
  }

  get name(): string {
    return this.manifest.name
  }

  /** The data set's identity: 64 hexadecimal digits; the same crystals, graphs and labels have the same one. */
  get hash(): string {
    return this.manifest.hash
  }

  /** The files that the manifest names. */
  get files(): readonly { readonly file: string; readonly bytes: number; readonly sha256: string }[] {
    return [...Object.values(this.manifest.splits), this.manifest.rejected]
  }

  /** Names of the splits, in the order of import. */
  get splits(): string[] {
    return Object.keys(this.manifest.splits)
  }

  /**
   * The crystals of a split; read on the first call.
   *
   * @throws {DataSetError} `unknown_split`, `unreadable_file`, `truncated_shard` or `bad_shard`
   */
  split(name: string): CrystalShard {
    const known = this.shards.get(name)
    if (known) return known
    if (!Object.hasOwn(this.manifest.splits, name)) {
      const fix = `use one of: ${this.splits.join(', ')}`
      throw new DataSetError('unknown_split', `${this.source} has no split ${JSON.stringify(name)}`, fix)
    }
    const { file, bytes, crystals } = this.manifest.splits[name]
    const content = this.fileBytes(file)
    if (content.length < bytes) {
      const what = `${this.source}/${file} is cut off: ${content.length} of ${bytes} bytes`
      throw new DataSetError('truncated_shard', what, 'copy or import the data set again')
    }
    const shard = new CrystalShard(content, `${this.source}/${file}`)
    if (shard.count !== crystals) {
      const what = `${this.source}/${file} has ${shard.count} crystals, the manifest says ${crystals}`
      throw new DataSetError('bad_shard', what, 'copy or import the data set again')
    }
    this.shards.set(name, shard)
    return shard
  }

  /**
   * Reads every file and compares it with the manifest.
   *
   * @throws {DataSetError} `hash_mismatch` or `unreadable_file`
   */
  verifyHashes(): void {
    for (const { file, sha256: expected } of this.files) {
      const actual = sha256(this.fileBytes(file))
      if (actual !== expected) this.mismatch(file, expected, actual)
    }
    const { label_set: labelSet, label_set_sha256: labels } = this.manifest
    const actualLabels = labelSet && labelSetHash(labelSet)
    if (actualLabels !== labels) this.mismatch(MANIFEST_FILE, String(labels), String(actualLabels))
    const identity = dataSetHash(this.manifest)
    if (identity !== this.hash) this.mismatch(MANIFEST_FILE, this.hash, identity)
  }

  /**
   * The bytes of one of `files`.
   *
   * @throws {DataSetError} `unreadable_file`
   */
  fileBytes(file: string): Uint8Array {
    try {
      return this.readFile(file)
    } catch (error) {
      const what = `${this.source} is incomplete: ${file}: ${(error as Error).message}`
      throw new DataSetError('unreadable_file', what, 'copy or import the data set again')
    }
  }

  private mismatch(file: string, expected: string, actual: string): never {
    const what = `${this.source}/${file} was changed or damaged: its SHA-256 is ${actual}, not ${expected}`
    throw new DataSetError('hash_mismatch', what, 'copy or import the data set again')
  }
}
