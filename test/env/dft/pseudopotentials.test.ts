import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import {
  GTH_POTENTIALS_FILE,
  PseudopotentialSet,
  gthFileText,
  parseGthPotentials,
  pseudopotentialSource,
} from '@unitcell/env'
import { SYMBOLS } from '@unitcell/datasets'
import { hasShared, needsShared, shared } from '../../shared.js'
import { hasGth, needsGth, paperPseudopotentials, temporaryFolder } from './fixtures.js'

const upf = (element: string, zValence: string, functional = 'PBE') =>
  `<UPF version="2.0.1">\n<PP_HEADER generated="x" element="${element}" pseudo_type="NC" z_valence="${zValence}" functional="${functional}"/>\n</UPF>\n`

function folderWith(files: Record<string, string | Buffer>): string {
  const folder = join(temporaryFolder(), 'upf')
  mkdirSync(folder)
  for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content)
  return folder
}

const load = (folder: string) => PseudopotentialSet.load(pseudopotentialSource(folder))

describe('a folder of UPF files', () => {
  test.skipIf(!hasShared)(
    'gives element, valence and hash of the 82 files of the paper as their index says' + needsShared,
    async () => {
      const index = JSON.parse(readFileSync(shared('data/pseudo/index.json'), 'utf8')) as Record<
        string,
        { file: string; sha256: string; z_valence: number }
      >
      const set = await paperPseudopotentials()
      expect(set.elements).toHaveLength(82)
      for (const [symbol, { file, sha256, z_valence }] of Object.entries(index)) {
        expect(set.get(symbol)).toMatchObject({ file: file.replace(/\.gz$/, ''), sha256, zValence: z_valence })
      }
    },
  )

  test('takes plain and packed files of any case of suffix, and only those', async () => {
    const folder = folderWith({
      'one.UPF': upf('Li', '3.0'),
      'two.upf.gz': gzipSync(upf(' h ', ' 1.000E+00')),
      'three.Upf.GZ': gzipSync(upf('O', '6.0D0', 'SLA PW PBX PBC')),
      'notes.txt': 'not a pseudopotential',
    })
    const set = await load(folder)
    expect(set.elements).toEqual(['H', 'Li', 'O'])
    expect(set.elements.map((symbol) => set.get(symbol).zValence)).toEqual([1, 3, 6])
  })

  test('has the same identity packed and unpacked, another with another file', async () => {
    const plain = await load(folderWith({ 'a.upf': upf('Li', '3') }))
    const packed = await load(folderWith({ 'b.UPF.gz': gzipSync(upf('Li', '3')) }))
    const other = await load(folderWith({ 'a.upf': upf('Li', '1') }))
    expect(packed.identity).toBe(plain.identity)
    expect(other.identity).not.toBe(plain.identity)
  })

  test('refuses broken files, other functionals, two files for one element and a missing folder, saying where', async () => {
    const bad = (files: Record<string, string | Buffer>) => load(folderWith(files))
    await expect(bad({ 'a.upf': 'nothing' })).rejects.toMatchObject({ code: 'bad_pseudopotential' })
    await expect(bad({ 'a.upf': upf('Xx', '3') })).rejects.toThrow(/a\.upf: its element is "Xx"/)
    await expect(bad({ 'a.upf': upf('Li', 'many') })).rejects.toThrow(/valence electrons is "many"/)
    await expect(bad({ 'a.upf': upf('Li', '3', 'PBESOL') })).rejects.toThrow(/functional is "PBESOL"/)
    await expect(bad({ 'a.upf.gz': 'not gzip' })).rejects.toMatchObject({ code: 'bad_pseudopotential' })
    await expect(bad({ 'a.upf': upf('Li', '3'), 'b.upf': upf('Li', '1') })).rejects.toThrow(/both for Li/)
    await expect(bad({})).rejects.toMatchObject({ code: 'pseudopotentials_not_found' })
    await expect(load('/nowhere/at/all')).rejects.toMatchObject({ code: 'pseudopotentials_not_found' })
  })

  test('places a file with its content checked, also over a damaged copy, and notices a changed source', async () => {
    const folder = folderWith({ 'a.upf.gz': gzipSync(upf('Li', '3')) })
    const store = join(temporaryFolder(), 'store')
    const set = await load(folder)
    const path = await set.place('Li', store)
    writeFileSync(path, 'damaged')
    expect(readFileSync(await set.place('Li', store), 'utf8')).toBe(upf('Li', '3'))
    writeFileSync(join(folder, 'a.upf.gz'), gzipSync(upf('Li', '1')))
    writeFileSync(path, 'damaged')
    await expect(set.place('Li', store)).rejects.toMatchObject({ code: 'bad_pseudopotential' })
    await expect(set.place('Na', store)).rejects.toMatchObject({ code: 'missing_pseudopotential' })
  })
})

describe('GTH-PBE', () => {
  test.skipIf(!hasGth)('covers all of the 88 elements but five' + needsGth, async () => {
    const set = await PseudopotentialSet.load({ kind: 'gth' })
    expect(SYMBOLS.filter((symbol) => !set.has(symbol))).toEqual(['Ac', 'Th', 'Pa', 'Np', 'Pu'])
    expect(set.cutoffs).toEqual({ ecutwfcRy: 90, ecutrhoRy: 360 })
    expect(['Mg', 'Ga', 'Cu', 'Pb', 'U'].map((symbol) => set.get(symbol).zValence)).toEqual([2, 3, 11, 4, 14])
  })

  test.skipIf(!hasGth)('writes silicon as a file that was tested with pw.x' + needsGth, () => {
    const silicon = parseGthPotentials(readFileSync(GTH_POTENTIALS_FILE, 'utf8'), 'GTH_POTENTIALS').get('Si')!
    const numbers = (text: string) => (text.match(/(?<![\w.-])-?\d+(?:\.\d+)?(?![\w.-])/g) ?? []).map(Number)
    const tested = `GTH-PBE Si q4 converted from CP2K
 14 4 20260101 zatom,zion,pspdat
 10 11 1 0 2001 0 pspcod,pspxc,lmax(=channels-1),lloc,mmax,r2well
 0.44000000 1 -6.26928833
 2
 0.43563383 2 8.95174150 -2.70627082
   3.49378060
 0.49794218 1 2.43127673
   0.0
`.replace('(=channels-1)', '')
    expect(numbers(gthFileText(silicon))).toEqual(numbers(tested))
  })

  test('says where a parameter file is broken', async () => {
    const entry = (numbers: string) => `# comment\nSi GTH-PBE-q4 GTH-PBE\n    2    2\n${numbers}#\n`
    const parse = (text: string) => parseGthPotentials(text, 'FILE')
    expect(parse(entry('  0.44 1 -6.2\n  0\n')).get('Si')?.channels).toEqual([])
    expect(() => parse(entry('  0.44 2 -6.2\n'))).toThrow(/FILE:2: number 4 of Si is missing/)
    expect(() => parse(entry('  0.44 1 -6.2\n  0\n  9.9\n'))).toThrow(/more numbers/)
    expect(() => parse(entry('').replace('2    2', '2    1'))).toThrow(/sums to 3, not to 4/)
    expect(() => parse('# nothing\n')).toThrow(/no GTH-PBE/)
    await expect(PseudopotentialSet.load({ kind: 'gth', file: '/nowhere' })).rejects.toThrow(
      /apt-get install cp2k-data/,
    )
  })
})
