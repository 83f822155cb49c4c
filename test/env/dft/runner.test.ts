import { expect, describe, test } from 'vitest'
import {
  DftRunner,
  LocalLauncher,
  PROFILES,
  PseudopotentialSet,
  type DftConverged,
  type DftResult,
  type RunProgress,
} from '@unitcell/env'
import type { Structure } from '@unitcell/datasets'
import {
  canRun,
  diamond,
  fcc,
  hasGth,
  hasPw,
  needsGth,
  needsPw,
  needsRun,
  paperPseudopotentials,
  referenceRows,
  rocksalt,
  runsLeft,
  structure,
  temporaryFolder,
} from './fixtures.js'

const workFolder = temporaryFolder()

async function paperRunner(options: Partial<Parameters<typeof DftRunner.create>[0]> = {}): Promise<DftRunner> {
  return DftRunner.create({ pseudopotentials: await paperPseudopotentials(), workFolder, ...options })
}

function converged(result: DftResult): DftConverged {
  if (result.status === 'failed') throw new Error(`the run failed: ${result.failure.message}`)
  return result
}

/** Asserts labels of the same settings: 1e-5 Ry, 5 meV. */
function expectLabels(result: DftConverged, energyRy: number, signedGapEv: number): void {
  expect(Math.abs(result.totalEnergyRy - energyRy)).toBeLessThan(1e-5)
  expect(Math.abs(result.signedGapEv - signedGapEv)).toBeLessThan(0.005)
}

/** Lithium alone, three valence electrons: an odd count that pw.x treats in a tenth of a second. */
const lithium = structure(fcc(4.21), [[0, 0, 0]], ['Li'])

describe('profile fast with the pseudopotentials of the paper', () => {
  const ids = ['lif-rocksalt', 'mgo-rocksalt', 'si-diamond', 'csf-rocksalt', 'gaas-zincblende', 'cao-rocksalt']

  test.skipIf(!canRun)('gives the energies and gaps of the reference set' + needsRun, async () => {
    const runner = await paperRunner()
    const rows = [...referenceRows().values()].filter((row) => ids.includes(row.id.replace('reference-', '')))
    expect(rows.length).toBeGreaterThanOrEqual(4)
    for (const row of rows) {
      const crystal = structure(row.lattice, row.frac_coords, row.species)
      const result = converged(await runner.run(crystal))
      expectLabels(result, row.total_energy_ry, row.signed_gap_ev)
      expect(result.bandGapEv).toBe(Math.max(0, result.signedGapEv))
      expect(result).toMatchObject({
        electrons: row.n_electrons,
        nspin: row.nspin,
        bands: row.n_bands,
        kPoints: row.n_kpoints,
        totalMagnetization: 0,
        labelSet: runner.identityFor(crystal),
      })
      expect(result.cpuSeconds).toBeGreaterThan(0)
    }
    expect(runsLeft(workFolder)).toEqual([])
  })

  test.skipIf(!canRun)('tells of the steps of the self-consistent field' + needsRun, async () => {
    const seen: RunProgress[] = []
    const runner = await paperRunner()
    const result = converged(await runner.run(rocksalt(4.21, 'Mg', 'O'), { onProgress: (step) => seen.push(step) }))
    expect(seen.at(-1)?.iteration).toBe(result.scfIterations)
    expect(seen.at(-1)?.estimatedAccuracyRy).toBeLessThan(1e-6)
  })
})

describe('the paper-text profile', () => {
  test.skipIf(!canRun)('gives the values of the paper’s text for lithium fluoride' + needsRun, async () => {
    // 256 bands are more than this cell has plane waves, so the bands alone are the tight ones.
    const profile = { ...PROFILES['paper-text'], bands: PROFILES.fast.bands }
    const runner = await paperRunner({ profile })
    const result = converged(await runner.run(rocksalt(4.027, 'Li', 'F')))
    expect(result.totalEnergyRy).toBeCloseTo(-63.3479, 3)
    expect(result.bandGapEv).toBeCloseTo(9.088, 2)
  })
})

describe('odd numbers of electrons', () => {
  test.skipIf(!canRun)('are spin-polarised with one unpaired electron' + needsRun, async () => {
    const runner = await paperRunner()
    const result = converged(await runner.run(lithium))
    expect(result).toMatchObject({ electrons: 3, nspin: 2 })
    expect(result.totalMagnetization).toBeCloseTo(1, 6)
    expect(result.signedGapEv).toBeLessThan(0)
    expect(result.bandGapEv).toBe(0)
  })

  test.skipIf(!canRun)('take the magnetisation of lowest energy where several are tried' + needsRun, async () => {
    const one = converged(await (await paperRunner()).run(lithium))
    const both = converged(await (await paperRunner({ magnetizations: [3, 1] })).run(lithium))
    expect(both.totalMagnetization).toBeCloseTo(1, 6)
    expect(both.totalEnergyRy).toBeCloseTo(one.totalEnergyRy, 6)
    expect(both.labelSet).not.toBe(one.labelSet)
    await expect(paperRunner({ magnetizations: [2] })).rejects.toMatchObject({ code: 'invalid_setting' })
  })
})

describe('GTH-PBE', () => {
  const cases: readonly (readonly [string, Structure, number])[] = [
    ['NaCl', rocksalt(5.64, 'Na', 'Cl'), 5.09],
    ['Si', diamond(5.43, 'Si'), 0.69],
    ['Li2S', structure(fcc(5.71), [[0, 0, 0], [0.25, 0.25, 0.25], [0.75, 0.75, 0.75]], ['S', 'Li', 'Li']), 4.09], // prettier-ignore
  ]

  for (const [name, crystal, gapEv] of cases) {
    test.skipIf(!hasPw || !hasGth)(`gives ${name} the gap measured before` + (needsPw || needsGth), async () => {
      const pseudopotentials = await PseudopotentialSet.load({ kind: 'gth' })
      const runner = await DftRunner.create({ pseudopotentials, workFolder })
      const result = converged(await runner.run(crystal))
      expect(Math.abs(result.bandGapEv - gapEv)).toBeLessThan(0.02)
    })
  }

  test.skipIf(!hasPw || !hasGth)('is read by pw.x for every element it has' + (needsPw || needsGth), async () => {
    const pseudopotentials = await PseudopotentialSet.load({ kind: 'gth' })
    const runner = await DftRunner.create({ pseudopotentials, workFolder })
    // Ten elements a run, stopped once pw.x has read them and begins to iterate.
    for (let from = 0; from < pseudopotentials.elements.length; from += 10) {
      const symbols = pseudopotentials.elements.slice(from, from + 10)
      const lattice = [[3 * symbols.length, 0, 0], [0, 3, 0], [0, 0, 3]] // prettier-ignore
      const row = structure(lattice, symbols.map((_, i) => [i / symbols.length, 0, 0]), symbols) // prettier-ignore
      const editInput = (input: string) =>
        input
          .replace('nosym', '')
          .replace(/ecutwfc=90, ecutrho=360/, 'ecutwfc=4, ecutrho=16')
          .replace(/nbnd=\d+/, 'nbnd=1')
      const result = await runner.run(row, { editInput })
      expect(result).toMatchObject({ failure: { code: 'too_few_bands' } })
      expect(result.electrons).toBe(symbols.reduce((sum, symbol) => sum + pseudopotentials.get(symbol).zValence, 0))
    }
  })
})

describe('the identity of labels', () => {
  test.skipIf(!canRun)(
    'depends on settings, pseudopotentials and version, and for a crystal on its elements alone' + needsRun,
    async () => {
      const fast = await paperRunner()
      const text = await paperRunner({ profile: PROFILES['paper-text'] })
      expect(fast.labelSet.codeVersion).toMatch(/^\d+\.\d+/)
      expect(text.identity).not.toBe(fast.identity)
      const renamed = await paperRunner({ profile: { ...PROFILES.fast, name: 'paper-text' } })
      expect(renamed.identity).toBe(fast.identity)
      const salt = fast.identityFor(rocksalt(5.64, 'Na', 'Cl'))
      expect(fast.identityFor(rocksalt(4.2, 'Cl', 'Na'))).toBe(salt)
      expect(fast.identityFor(rocksalt(5.64, 'K', 'Cl'))).not.toBe(salt)
    },
  )
})

test('a machine without pw.x is told what to install', async () => {
  const launcher = new LocalLauncher('/nowhere/pw.x')
  await expect(launcher.version()).rejects.toMatchObject({ code: 'pw_missing' })
  await expect(launcher.version()).rejects.toThrow(/apt-get install quantum-espresso/)
})
