import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, readdirSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll } from 'vitest'
import { elementIndex, type Structure } from '@unitcell/datasets'
import { GTH_POTENTIALS_FILE, PseudopotentialSet } from '@unitcell/env'
import { hasShared, needsShared, shared } from '../../shared.js'

export const hasPw = spawnSync('sh', ['-c', 'command -v pw.x']).status === 0
export const hasGth = existsSync(GTH_POTENTIALS_FILE)

/** Runs of the real pw.x with the paper's pseudopotentials. */
export const canRun = hasPw && hasShared
export const needsPw = hasPw ? '' : ' (skipped: pw.x is not installed, apt-get install quantum-espresso)'
export const needsRun = needsPw || needsShared
export const needsGth = hasGth ? '' : ' (skipped: GTH parameters are not installed, apt-get install cp2k-data)'

let paperSet: Promise<PseudopotentialSet> | undefined

export function paperPseudopotentials(): Promise<PseudopotentialSet> {
  return (paperSet ??= PseudopotentialSet.load({ kind: 'upf', folder: shared('data/pseudo') }))
}

const temporaryFolders: string[] = []
afterAll(() => temporaryFolders.forEach((folder) => rmSync(folder, { recursive: true, force: true })))

/** A new folder that is gone after the tests of the file. */
export function temporaryFolder(): string {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'unitcell-dft-test-')))
  temporaryFolders.push(folder)
  return folder
}

export function structure(lattice: number[][], frac: number[][], symbols: readonly string[]): Structure {
  return {
    lattice: Float64Array.from(lattice.flat()),
    fracCoords: Float64Array.from(frac.flat()),
    species: Uint8Array.from(symbols, (symbol) => elementIndex(symbol)!),
  }
}

/** Face-centred cubic cell vectors of a cubic lattice constant, angstrom. */
export function fcc(a: number): number[][] {
  const half = a / 2
  return [
    [0, half, half],
    [half, 0, half],
    [half, half, 0],
  ]
}

export function rocksalt(a: number, cation: string, anion: string): Structure {
  return structure(fcc(a), [[0, 0, 0], [0.5, 0.5, 0.5]], [cation, anion]) // prettier-ignore
}

export function diamond(a: number, symbol: string): Structure {
  return structure(fcc(a), [[0, 0, 0], [0.25, 0.25, 0.25]], [symbol, symbol]) // prettier-ignore
}

export interface ReferenceRow {
  readonly id: string
  readonly lattice: number[][]
  readonly frac_coords: number[][]
  readonly species: string[]
  readonly total_energy_ry: number
  readonly band_gap_ev: number
  readonly signed_gap_ev: number
  readonly n_electrons: number
  readonly nspin: number
  readonly n_bands: number
  readonly n_kpoints: number
  readonly cpu_seconds: number
}

/** Labels computed elsewhere with pw.x 6.7 and the paper's pseudopotentials, by id. */
export function referenceRows(): Map<string, ReferenceRow> {
  const lines = readFileSync(shared('data/reference-set/crystals.jsonl'), 'utf8').trim().split('\n')
  return new Map(lines.map((line) => JSON.parse(line) as ReferenceRow).map((row) => [row.id, row]))
}

/** Names of what is left of runs under a work folder. */
export function runsLeft(workFolder: string): string[] {
  return existsSync(join(workFolder, 'runs')) ? readdirSync(join(workFolder, 'runs')) : []
}

/** Numbers of the running processes whose working folder is below that one. */
export function processesBelow(folder: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        return realpathSync(`/proc/${pid}/cwd`).startsWith(folder)
      } catch {
        return false
      }
    })
}
