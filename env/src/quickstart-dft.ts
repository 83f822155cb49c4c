import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import {
  DEFAULT_REWARD,
  ELEMENTS,
  elementIndex,
  parseSpecies,
  speciesValidity,
  terminalReward,
  type RewardParameters,
} from '@unitcell/datasets'
import { execaNode } from 'execa'
import { dftRecordSchema, type DftRecord } from './dft-batch/record.js'
import { DftError, LocalLauncher, readGthPotentials } from './dft/index.js'

/** How many crystals quickstart computes, how large, and how long one may take, seconds. */
const CRYSTALS = 3
const MOST_SITES = 3
const TIME_LIMIT = 60

const REWARD: RewardParameters = { ...DEFAULT_REWARD, target: 1.12 }

/** A line of what `unitcell-agent run --out` writes. */
interface Generated {
  readonly id: string
  readonly lattice: readonly (readonly number[])[]
  readonly frac_coords: readonly (readonly number[])[]
  readonly generated_species: readonly string[]
}

/** Why this machine cannot compute, in one line with the command that mends it; null where it can. */
export async function dftLack(): Promise<string | null> {
  try {
    await new LocalLauncher().version()
    await readGthPotentials()
    return null
  } catch (error) {
    if (error instanceof DftError) return 'not installed: apt-get install quantum-espresso cp2k-data'
    throw error
  }
}

/** Computes a few small valid crystals of a file of generated ones, and prints energy, gap and reward. */
export async function computeGenerated(program: string, file: string, folder: string): Promise<void> {
  const potentials = await readGthPotentials()
  const lines = (await readFile(file, 'utf8')).trim().split('\n')
  const chosen = choose(
    lines.map((line) => JSON.parse(line) as Generated),
    (symbol) => potentials.get(symbol)?.valenceElectrons ?? Infinity,
  )
  const crystals = join(folder, 'crystals.jsonl')
  const rows = chosen.map(({ generated_species: species, lattice, frac_coords }, i) => {
    return JSON.stringify({ id: String(i), lattice, frac_coords, species })
  })
  await writeFile(crystals, `${rows.join('\n')}\n`)
  const options = ['--pseudo', 'gth', '--time-limit', String(TIME_LIMIT), '--json']
  // A crystal without energy is told in its line; the exit code says no more.
  const { stdout } = await execaNode(program, ['dft', crystals, ...options], { stderr: 'inherit', reject: false })
  const records = stdout.split('\n').filter((line) => line !== '')
  for (const line of records) console.log(`   ${describe(dftRecordSchema.parse(JSON.parse(line)))}`)
}

/** The cheapest crystals that are SMACT-valid, each of another composition. */
function choose(generated: readonly Generated[], electrons: (symbol: string) => number): Generated[] {
  const byComposition = new Map(
    generated
      .filter(({ generated_species: species }) => species.length <= MOST_SITES && new Set(species).size > 1)
      .filter(({ generated_species: species }) => species.every((symbol) => elementIndex(symbol) !== undefined))
      .filter(({ generated_species: species }) => speciesValidity(parseSpecies([...species])).valid)
      // A gap is expected where not all elements are metals.
      .filter(({ generated_species: species }) => species.some((symbol) => !ELEMENTS[elementIndex(symbol)!].isMetal))
      .map((crystal) => [[...crystal.generated_species].sort().join(' '), crystal] as const),
  )
  const cost = ({ generated_species: species }: Generated) =>
    species.reduce((sum, symbol) => sum + electrons(symbol), 0)
  return [...byComposition.values()].sort((a, b) => cost(a) - cost(b)).slice(0, CRYSTALS)
}

function describe({ formula, failure, total_energy_ry, band_gap_ev, cpu_seconds }: DftRecord): string {
  const name = (formula ?? '?').padEnd(10)
  if (failure || total_energy_ry === null || band_gap_ev === null) {
    return `${name} no energy: ${failure?.message ?? 'unknown'}; reward ${REWARD.failure}`
  }
  const labels = { totalEnergyRy: total_energy_ry, bandGapEv: band_gap_ev, formationEnergyEvPerAtom: null }
  const reward = terminalReward(labels, REWARD).value
  const energy = `energy ${total_energy_ry.toFixed(4).padStart(10)} Ry`
  return `${name} ${energy}   gap ${band_gap_ev.toFixed(2)} eV   reward ${reward.toFixed(3)}   (${cpu_seconds.toFixed(1)} CPU s)`
}
