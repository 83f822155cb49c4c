import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { SYMBOLS, type Structure } from '@unitcell/datasets'

/** Path of a file that pymatgen 2026.10 or ASE 3.29 wrote from crystals of the built-in set. */
export const fixture = (name: string) => fileURLToPath(new URL(`fixtures/${name}`, import.meta.url))

export interface FixtureSource {
  readonly id: string
  readonly lattice: number[][]
  readonly frac_coords: number[][]
  readonly species: string[]
  readonly total_energy_ry: number
  readonly band_gap_ev: number
}

/** The crystals that the files were written from, by id. */
export const sources: ReadonlyMap<string, FixtureSource> = new Map(
  readFileSync(fixture('sources.jsonl'), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as FixtureSource)
    .map((source) => [source.id, source]),
)

export const symbolsOf = ({ species }: Structure) => Array.from(species, (element) => SYMBOLS[element])
