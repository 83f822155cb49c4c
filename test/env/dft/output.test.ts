import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { ScfFollower, classifyRun, parsePwData, parsePwOutput, type FailureCode, type RunEnd } from '@unitcell/env'
import { hasShared, needsShared, shared } from '../../shared.js'

interface IndexRow {
  readonly file: string
  readonly kind: string
  readonly error: [string, string] | null
  readonly [field: string]: unknown
}

const index = hasShared ? (JSON.parse(readFileSync(shared('data/qe-outputs/index.json'), 'utf8')) as IndexRow[]) : []

function report(file: string): string {
  return gunzipSync(readFileSync(shared(`data/qe-outputs/${file}`))).toString('utf8')
}

const ended: RunEnd = { exitCode: 1, signal: null, stoppedBy: null, wallSeconds: 1 }

describe('reports of the paper', () => {
  test.skipIf(!hasShared)('all 64 are parsed as their index says' + needsShared, () => {
    expect(index).toHaveLength(64)
    for (const row of index) {
      const output = parsePwOutput(report(row.file))
      const gap =
        output.lowestUnoccupiedEv === null || output.highestOccupiedEv === null
          ? null
          : Number((output.lowestUnoccupiedEv - output.highestOccupiedEv).toFixed(4))
      expect({
        file: row.file,
        total_energy_ry: output.totalEnergyRy,
        band_gap_ev: gap,
        homo_ev: output.highestOccupiedEv,
        lumo_ev: output.lowestUnoccupiedEv,
        fermi_ev: output.fermiEv,
        n_electrons: output.electrons,
        nspin: output.nspin,
        total_magnetization: output.totalMagnetization,
        wall_seconds: output.wallSeconds,
        natoms: output.atoms,
        n_bands: output.bands,
        n_kpoints: output.kPoints,
        scf_iterations: output.scfIterations,
        not_converged_after: output.notConvergedAfter,
        error: output.error && [output.error.routine, output.error.message],
        job_done: output.jobDone,
        qe_version: output.version && `v.${output.version}`,
        cores: output.cores,
        ecutwfc_ry: output.ecutwfcRy,
        ecutrho_ry: output.ecutrhoRy,
      }).toEqual(Object.fromEntries(Object.entries(row).filter(([name]) => !['row', 'kind', 'run'].includes(name))))
    }
  })

  const expected: readonly (readonly [RegExp, FailureCode])[] = [
    [/^not-converged/, 'not_converged'],
    [/^error-charge-is-wrong/, 'charge_wrong'],
    [/^error-(rdiaghg|S-matrix)/, 'diagonalization_failed'],
    [/^error-d_matrix/, 'symmetry_failed'],
    [/^error-(write_rhog|diropn)/, 'file_error'],
    [/^(killed|stopped|empty)/, 'no_result'],
  ]

  test.skipIf(!hasShared)('failed ones are told apart' + needsShared, () => {
    const failed = index.filter((row) => !row.kind.startsWith('converged'))
    expect(failed.length).toBeGreaterThan(25)
    for (const { file, kind } of failed) {
      const stdout = report(file)
      const files = { stdout, stderr: '', crash: '', xml: '' }
      const failure = classifyRun(ended, files, parsePwOutput(stdout), false)
      expect([file, failure?.code]).toEqual([file, expected.find(([pattern]) => pattern.test(kind))?.[1]])
    }
  })

  test.skipIf(!hasShared)(
    'a growing report is followed to the same iteration count, however it is cut' + needsShared,
    () => {
      for (const { file } of index.filter((row) => row.kind === 'converged-fixed-nspin1')) {
        const text = report(file)
        const follower = new ScfFollower()
        for (let at = 0; at < text.length; at += 1009) follower.feed(text.slice(at, at + 1009))
        expect(follower.progress?.iteration).toBe(parsePwOutput(text).scfIterations)
        expect(follower.progress?.estimatedAccuracyRy).toBeLessThan(1e-6)
      }
    },
  )
})

test('a data file that is cut off has no data', () => {
  expect(parsePwData('')).toBeNull()
  expect(parsePwData('<qes:espresso><output><etot>-1.0</etot>')).toBeNull()
})
