import { reducedFormula, compositionOf, type Structure } from '@unitcell/datasets'
import { z } from 'zod'
import type { DftResult } from '../dft/index.js'

const nullableNumber = z.number().nullable()

/** A crystal's line in a file of results: what `unitcell-env dft` prints and keeps. */
export const dftRecordSchema = z.object({
  id: z.string(),
  status: z.enum(['converged', 'failed']),
  formula: z.string().nullable(),
  /** Of the cell. */
  total_energy_ry: nullableNumber,
  /** max(0, signed_gap_ev). */
  band_gap_ev: nullableNumber,
  signed_gap_ev: nullableNumber,
  /** 1, or 2 for a spin-polarised calculation. */
  spin: nullableNumber,
  /** Bohr magnetons of the cell. */
  total_magnetization: nullableNumber,
  n_electrons: nullableNumber,
  n_bands: nullableNumber,
  n_kpoints: nullableNumber,
  scf_iterations: nullableNumber,
  cpu_seconds: z.number(),
  wall_seconds: z.number(),
  failure: z.object({ code: z.string(), message: z.string(), deterministic: z.boolean() }).nullable(),
  /** Version of pw.x; null where the crystal could not even be read. */
  pw_version: z.string().nullable(),
  /** Identity of the label set for the elements of the crystal. */
  label_set: z.string().nullable(),
})

export type DftRecord = z.infer<typeof dftRecordSchema>

export function dftRecord(id: string, structure: Structure, result: DftResult): DftRecord {
  const converged = result.status === 'converged' ? result : null
  return {
    id,
    status: result.status,
    formula: reducedFormula(compositionOf(structure.species)),
    total_energy_ry: converged?.totalEnergyRy ?? null,
    band_gap_ev: converged?.bandGapEv ?? null,
    signed_gap_ev: converged?.signedGapEv ?? null,
    spin: result.nspin,
    total_magnetization: result.totalMagnetization,
    n_electrons: result.electrons,
    n_bands: result.bands,
    n_kpoints: converged?.kPoints ?? null,
    scf_iterations: converged?.scfIterations ?? null,
    cpu_seconds: round(result.cpuSeconds),
    wall_seconds: round(result.wallSeconds),
    failure: result.status === 'failed' ? { ...result.failure } : null,
    pw_version: result.pwVersion,
    label_set: result.labelSet,
  }
}

/** The record of a row of the input that is no crystal. */
export function unreadableRecord(id: string, code: string, message: string): DftRecord {
  return {
    id,
    status: 'failed',
    formula: null,
    total_energy_ry: null,
    band_gap_ev: null,
    signed_gap_ev: null,
    spin: null,
    total_magnetization: null,
    n_electrons: null,
    n_bands: null,
    n_kpoints: null,
    scf_iterations: null,
    cpu_seconds: 0,
    wall_seconds: 0,
    failure: { code, message, deterministic: true },
    pw_version: null,
    label_set: null,
  }
}

const round = (seconds: number) => Number(seconds.toFixed(3))
