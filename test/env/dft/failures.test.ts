import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import type { Structure } from '@unitcell/datasets'
import {
  DftRunner,
  FAILURES,
  LocalLauncher,
  PROFILES,
  PseudopotentialSet,
  type DftFailed,
  type DftRunOptions,
  type FailureCode,
  type LaunchOptions,
  type RunFolder,
} from '@unitcell/env'
import { shared } from '../../shared.js'
import {
  canRun,
  fcc,
  needsRun,
  paperPseudopotentials,
  processesBelow,
  rocksalt,
  runsLeft,
  structure,
  temporaryFolder,
} from './fixtures.js'

const workFolder = temporaryFolder()
const lif = rocksalt(4.027, 'Li', 'F')
const mgo = rocksalt(4.21, 'Mg', 'O')
const lithium = structure(fcc(4.21), [[0, 0, 0]], ['Li'])

async function failureOf(crystal: Structure, options: DftRunOptions = {}, runner?: DftRunner): Promise<DftFailed> {
  runner ??= await DftRunner.create({ pseudopotentials: await paperPseudopotentials(), workFolder })
  const result = await runner.run(crystal, options)
  if (result.status === 'converged') throw new Error('the run converged')
  expect(result.failure.deterministic).toBe(FAILURES[result.failure.code].deterministic)
  expect(runsLeft(workFolder)).toEqual([])
  expect(processesBelow(workFolder)).toEqual([])
  return result
}

/** An input text changed in one place, which must be there. */
function edit(from: string | RegExp, to: string): DftRunOptions {
  return {
    editInput: (input) => {
      expect(input).toMatch(from)
      return input.replace(from, to)
    },
  }
}

/** Does something in the run's folder before the start. */
class MeddlingLauncher extends LocalLauncher {
  constructor(private readonly meddle: (folder: string) => void) {
    super()
  }

  override start(folder: RunFolder, options: LaunchOptions) {
    this.meddle(folder.path)
    return super.start(folder, options)
  }
}

/** The rows of DFT.md's table that an edited input provokes; all but a stop on request come back the same. */
const rows: readonly (readonly [string, FailureCode, boolean, Structure, DftRunOptions])[] = [
  ['an odd number of electrons without spin', 'smearing_needed', true, lithium, edit(', nspin=2, tot_magnetization=1', '')],
  ['spin without total magnetisation', 'magnetization_needed', true, lithium, edit(', tot_magnetization=1', '')],
  ['the step limit', 'not_converged', true, lif, edit('electron_maxstep=1000', 'electron_maxstep=2')],
  ['max_seconds', 'time_limit', false, lif, edit(/max_seconds=\d+/, 'max_seconds=0.1')],
  ['too few bands', 'too_few_bands', true, lif, edit(/nbnd=\d+/, 'nbnd=4')],
  ['no empty band', 'no_empty_band', true, lif, edit(/nbnd=\d+/, 'nbnd=5')],
  ['more bands than plane waves', 'too_many_bands', true, lif, edit(/nbnd=\d+/, 'nbnd=900')],
  ['a pseudopotential that is not there', 'missing_pseudopotential', false, lif, edit('F.UPF', 'absent-F.UPF')],
  ['coinciding atoms', 'overlapping_atoms', true, lif, edit('0.5 0.5 0.5', '0 0 0')],
  ['atoms 0.15 angstrom apart', 'diagonalization_failed', true, mgo, edit('0.5 0.5 0.5', '0.0206 0.0206 0.0206')],
  ['a malformed namelist', 'bad_input', true, lif, edit('ibrav=0', 'ibrav=0, nonsense=1')],
  ['a malformed card', 'bad_input', true, lif, edit(/ 0 2\.\d+ 2\.\d+/, ' 0 two')],
  ['a degenerate cell', 'degenerate_cell', true, lif, edit(/CELL_PARAMETERS[^]*ATOMIC_POS/, 'CELL_PARAMETERS angstrom\n 4 0 0\n 4 0 0\n 0 0 4\nATOMIC_POS')],
] // prettier-ignore

describe('pw.x fails, and is understood, on', () => {
  for (const [name, code, deterministic, crystal, options] of rows) {
    test.skipIf(!canRun)(name + needsRun, async () => {
      const { failure } = await failureOf(crystal, options)
      expect(failure).toMatchObject({ code, deterministic })
    })
  }

  test.skipIf(!canRun)('an EXIT file' + needsRun, async () => {
    const launcher = new MeddlingLauncher((folder) => writeFileSync(join(folder, 'tmp', 'x.EXIT'), ''))
    const pseudopotentials = await paperPseudopotentials()
    const runner = await DftRunner.create({ pseudopotentials, workFolder, launcher })
    const { failure } = await failureOf(lif, {}, runner)
    expect(failure).toMatchObject({ code: 'stopped_by_user', deterministic: false })
  })

  test.skipIf(!canRun)('a folder it cannot write to' + needsRun, async () => {
    const launcher = new MeddlingLauncher((folder) => {
      mkdirSync(join(folder, 'tmp', 'x.save'))
      mkdirSync(join(folder, 'tmp', 'x.save', 'charge-density.dat'))
    })
    const pseudopotentials = await paperPseudopotentials()
    const runner = await DftRunner.create({ pseudopotentials, workFolder, launcher })
    const { failure } = await failureOf(lif, {}, runner)
    expect(failure).toMatchObject({ code: 'file_error', deterministic: false })
  })

  test.skipIf(!canRun)('a broken pseudopotential' + needsRun, async () => {
    const folder = temporaryFolder()
    const upf = gunzipSync(readFileSync(shared('data/pseudo/li_pbe_v1.4.uspp.F.UPF.gz'))).toString('latin1')
    writeFileSync(join(folder, 'li.UPF'), upf.slice(0, upf.indexOf('<PP_MESH>')) + '<PP_MESH>\n nonsense\n')
    const pseudopotentials = await PseudopotentialSet.load({ kind: 'upf', folder })
    const runner = await DftRunner.create({ pseudopotentials, workFolder })
    const { failure } = await failureOf(lithium, {}, runner)
    expect(failure).toMatchObject({ code: 'broken_pseudopotential', deterministic: false })
  })

  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    test.skipIf(!canRun)(`a ${signal} from elsewhere` + needsRun, async () => {
      let sent = false
      const onProgress = () => {
        if (!sent) for (const pid of processesBelow(workFolder)) sent = process.kill(pid, signal)
      }
      const options = { ...edit('conv_thr=1.0d-6', 'conv_thr=1.0d-60'), onProgress }
      const { failure } = await failureOf(lif, options)
      expect(sent).toBe(true)
      expect(failure).toMatchObject({ code: 'killed', deterministic: false })
    })
  }
})

describe('without a run, a crystal is refused', () => {
  test.skipIf(!canRun)('for an element without pseudopotential, and for atoms too close' + needsRun, async () => {
    const missing = await failureOf(rocksalt(5, 'Th', 'O'))
    expect(missing).toMatchObject({ failure: { code: 'missing_pseudopotential' }, cpuSeconds: 0, electrons: null })
    expect(missing.failure.message).toMatch(/Th/)
    const close = await failureOf(rocksalt(0.9, 'Li', 'F'))
    expect(close).toMatchObject({ failure: { code: 'atoms_too_close' }, cpuSeconds: 0 })
  })

  test.skipIf(!canRun)('for more electrons than the bands of the profile hold' + needsRun, async () => {
    const profile = { ...PROFILES.fast, bands: { kind: 'constant', count: 4 } } as const
    const pseudopotentials = await paperPseudopotentials()
    const runner = await DftRunner.create({ pseudopotentials, workFolder, profile })
    expect((await failureOf(lif, {}, runner)).failure.code).toBe('too_few_bands')
  })
})
