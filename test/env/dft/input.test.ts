import { describe, expect, test } from 'vitest'
import { PROFILES, PROFILE_NAMES, bandCount, maxSeconds, profileByName, pwInput, type ProfileName } from '@unitcell/env'
import { rocksalt } from './fixtures.js'

/** Tokens of an input; numbers as numbers, so that `.5` and `0.5` are one. */
function tokens(text: string): (string | number)[] {
  const words = text.split(/[\s,=]+/).filter((word) => word !== '')
  return words.map((word) => (Number.isNaN(Number(word)) ? word : Number(word)))
}

const settings = {
  profile: PROFILES.fast,
  cutoffs: PROFILES.fast,
  bands: 12,
  nspin: 1,
  totalMagnetization: 0,
  maxSeconds: 660,
  pseudoFile: (symbol: string) => `${symbol}.UPF`,
} as const

describe('the input', () => {
  test('of magnesium oxide is, word for word, one that was tested with pw.x', () => {
    const tested = `&CONTROL
 calculation='scf', prefix='x', outdir='./tmp', pseudo_dir='./pseudo', verbosity='high', disk_io='low', max_seconds=660
/
&SYSTEM
 ibrav=0, nat=2, ntyp=2, ecutwfc=30, ecutrho=240, occupations='fixed', nbnd=12
/
&ELECTRONS
 conv_thr=1.0d-6, mixing_beta=0.7, electron_maxstep=1000, diagonalization='david'
/
ATOMIC_SPECIES
 O 1.0 O.UPF
 Mg 1.0 Mg.UPF
K_POINTS automatic
 3 3 3 0 0 0
CELL_PARAMETERS angstrom
 0 2.105 2.105
 2.105 0 2.105
 2.105 2.105 0
ATOMIC_POSITIONS crystal
 Mg 0 0 0
 O .5 .5 .5
`
    expect(tokens(pwInput(rocksalt(4.21, 'Mg', 'O'), settings))).toEqual(tokens(tested))
  })

  test('asks for spin and total magnetisation together', () => {
    const input = pwInput(rocksalt(4.21, 'Mg', 'N'), { ...settings, nspin: 2, totalMagnetization: 3 })
    expect(input).toMatch(/nspin=2, tot_magnetization=3\n/)
  })
})

describe('profiles', () => {
  const bands = (name: ProfileName, electrons: number, magnetization = 0) =>
    bandCount(PROFILES[name].bands, electrons, magnetization)

  test('have the density cutoffs and numbers of bands of the paper, and tight ones by default', () => {
    expect(PROFILE_NAMES.map((name) => PROFILES[name].ecutrhoRy)).toEqual([240, 245, 240])
    expect([8, 65, 200].map((electrons) => bands('fast', electrons))).toEqual([12, 41, 108])
    expect(bands('fast', 65, 1)).toBe(41)
    expect(bands('fast', 65, 7)).toBe(44)
    expect([8, 200].map((electrons) => bands('paper-text', electrons))).toEqual([256, 256])
    expect([128, 129, 180, 181].map((electrons) => bands('paper-runs', electrons))).toEqual([64, 90, 90, 256])
  })

  test('are found by name, and no others', () => {
    expect(profileByName('paper-runs')).toBe(PROFILES['paper-runs'])
    expect(() => profileByName('toString')).toThrow(/use fast, paper-text, paper-runs/)
  })
})

test("pw.x is told to stop a minute before the paper's limit, and always before the limit", () => {
  expect(maxSeconds(720)).toBe(660)
  expect(maxSeconds(6)).toBe(5.5)
})
