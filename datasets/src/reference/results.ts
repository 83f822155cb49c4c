import { z } from 'zod'
import { CrystalError } from '../crystal/crystal-error.js'
import { readLines } from '../formats/text-file.js'

const nullableNumber = z.number().nullable()

/** A line of the results of `unitcell-env dft`, as far as the reference set keeps it. */
const resultSchema = z.object({
  id: z.string(),
  status: z.enum(['converged', 'failed']),
  total_energy_ry: nullableNumber,
  band_gap_ev: nullableNumber,
  signed_gap_ev: nullableNumber,
  spin: nullableNumber,
  n_electrons: nullableNumber,
  n_bands: nullableNumber,
  n_kpoints: nullableNumber,
  scf_iterations: nullableNumber,
  cpu_seconds: z.number(),
  failure: z.object({ code: z.string(), message: z.string(), deterministic: z.boolean() }).nullable(),
})

export type DftResult = z.infer<typeof resultSchema>

/**
 * The results of a file that `unitcell-env dft --out` wrote, by id; of two lines of one id the later counts.
 *
 * @throws {CrystalError} `unreadable_file` or `unparsable`
 */
export async function readResults(file: string): Promise<Map<string, DftResult>> {
  const results = new Map<string, DftResult>()
  for await (const { line, text } of readLines(file)) {
    const parsed = resultSchema.safeParse(jsonOrUndefined(text))
    if (!parsed.success) {
      const [{ path, message }] = parsed.error.issues
      const what = `the line is no result of a calculation: ${[...path, message].join(': ')}`
      throw new CrystalError('unparsable', what, 'name a file that `unitcell-env dft --out` wrote').at(file, line)
    }
    results.set(parsed.data.id, parsed.data)
  }
  return results
}

function jsonOrUndefined(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch {
    return undefined
  }
}
