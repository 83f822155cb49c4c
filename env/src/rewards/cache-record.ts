import { createHash } from 'node:crypto'
import { elementIndex, SYMBOLS, type Structure } from '@unitcell/datasets'
import { z } from 'zod'
import type { DftResult } from '../dft/index.js'
import { dftRecord, dftRecordSchema } from '../dft-batch/record.js'
import type { Evaluation } from '../mdp/evaluation.js'

const triples = z.array(z.tuple([z.number(), z.number(), z.number()]))

/**
 * A result as the cache keeps it and `cache export` writes it: a line of Crystals JSONL whose other fields are those of
 * `unitcell-env dft --json`, the identity of the label set among them.
 */
export const cacheRecordSchema = dftRecordSchema
  .extend({ lattice: triples.length(3), frac_coords: triples.min(1), species: z.array(z.string()).min(1) })
  .extend({ label_set: z.string().regex(/^[0-9a-f]{64}$/) })

export type CacheRecord = z.infer<typeof cacheRecordSchema>

/** The record of a result; its id is made of formula and crystal, so that equal descriptions have equal ids. */
export function cacheRecord(structure: Structure, result: DftResult): CacheRecord {
  const record = dftRecord('', structure, result)
  const crystal = {
    lattice: rows(structure.lattice),
    frac_coords: rows(structure.fracCoords),
    species: Array.from(structure.species, (element) => SYMBOLS[element]),
  }
  const id = `${record.formula}-${crystalDigest(crystal)}`
  return { ...record, id, ...crystal, label_set: result.labelSet }
}

/** 16 hexadecimal digits of the numbers and species of a crystal as they are listed. */
export function crystalDigest({
  lattice,
  frac_coords,
  species,
}: Pick<CacheRecord, 'lattice' | 'frac_coords' | 'species'>): string {
  const text = JSON.stringify([lattice, frac_coords, species])
  return createHash('sha256').update(text).digest('hex').slice(0, 16)
}

/** The crystal of a record. */
export function structureOf({ lattice, frac_coords, species }: CacheRecord): Structure {
  return {
    lattice: Float64Array.from(lattice.flat()),
    fracCoords: Float64Array.from(frac_coords.flat()),
    species: Uint8Array.from(species, (symbol) => elementIndex(symbol)!),
  }
}

/** What a record says of its crystal. */
export function evaluationOf({ failure, total_energy_ry, band_gap_ev, signed_gap_ev }: CacheRecord): Evaluation {
  const source = 'cache'
  if (failure) return { status: 'failed', source, failure: { class: failure.code, message: failure.message } }
  const labels = { totalEnergyRy: total_energy_ry, bandGapEv: band_gap_ev, formationEnergyEvPerAtom: null }
  return { status: 'evaluated', source, labels, signedGapEv: signed_gap_ev }
}

function rows(numbers: Float64Array): [number, number, number][] {
  // Adding 0 turns -0 into 0, as reading a file does.
  const [x, y, z] = [0, 1, 2].map((axis) => (row: number) => numbers[3 * row + axis] + 0)
  return Array.from({ length: numbers.length / 3 }, (_, row) => [x(row), y(row), z(row)])
}

/** What a record says against itself, or null. */
export function inconsistency({
  status,
  failure,
  total_energy_ry,
  band_gap_ev,
  signed_gap_ev,
}: CacheRecord): string | null {
  if (status === 'failed') return failure?.deterministic ? null : 'a failure that need not come again is no result'
  if (failure || total_energy_ry === null || band_gap_ev === null || signed_gap_ev === null) {
    return 'it is converged, but has no energy or gap, or a failure'
  }
  return band_gap_ev === Math.max(0, signed_gap_ev) ? null : 'band_gap_ev is not max(0, signed_gap_ev)'
}

/** The object that a text is as JSON; null for any other text. */
export function jsonObject(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : null
  } catch {
    return null
  }
}
