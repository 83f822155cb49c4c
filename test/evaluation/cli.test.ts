import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { afterAll, expect, test } from 'vitest'

const folder = mkdtempSync(join(tmpdir(), 'unitcell-eval-'))
afterAll(() => rmSync(folder, { recursive: true }))

const program = fileURLToPath(new URL('../../evaluation/bin.js', import.meta.url))

function run(args: string[], input = '') {
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...args], { input, encoding: 'utf8' })
  return { status, stdout, stderr }
}

const lines =
  [
    { true_species: ['Na', 'Cl'], generated_species: ['K', 'Cl'], reward: 0.1, lattice: [], id: 'a' },
    { true_species: ['Mg', 'O'], generated_species: ['Mg', 'O'] },
    { true_species: null, generated_species: ['He', 'O'] },
    { true_species: ['Li', 'F'], generated_species: ['Li', null] },
  ]
    .map((line) => JSON.stringify(line))
    .join('\n') + '\n'

const expected = {
  accuracy: 200 / 3,
  similarity: 250 / 3,
  validity: 50,
  crystals: 4,
  crystals_with_truth: 3,
  sites: 8,
  exact_matches: 1,
  unfilled_crystals: 1,
  invalid_reasons: { no_oxidation_states: 1, unfilled_sites: 1 },
}

test('metrics --json prints one object, from a plain file, a packed one or standard input', () => {
  const plain = join(folder, 'generated.jsonl')
  const packed = join(folder, 'generated.jsonl.gz')
  writeFileSync(plain, lines)
  writeFileSync(packed, gzipSync(lines))
  for (const result of [
    run(['metrics', plain, '--json']),
    run(['metrics', packed, '--json']),
    run(['metrics', '-', '--json'], lines),
  ]) {
    expect(result).toMatchObject({ status: 0, stderr: '' })
    const score = JSON.parse(result.stdout) as typeof expected
    expect(score).toMatchObject({ ...expected, accuracy: expect.closeTo(200 / 3), similarity: expect.closeTo(250 / 3) })
  }
})

test('metrics prints a table with the random row of the paper beside it', () => {
  const { status, stdout } = run(['metrics', '-'], lines)
  expect(status).toBe(0)
  expect(stdout).toMatch(/accuracy % +66\.67 \+- \d+\.\d\d +1\.15\n/)
  expect(stdout).toMatch(/similarity % +83\.33 \+- \d+\.\d\d +12\.54\n/)
  expect(stdout).toMatch(/validity % +50\.00 \+- \d+\.\d\d +-\n/)
  expect(stdout).toContain('4 crystals, 8 sites, 1 exact matches')
  expect(stdout).toContain('invalid: no_oxidation_states 1, unfilled_sites 1')
  expect(stdout).toContain('1 crystals without true_species')
})

test.each([
  ['no JSON', '{"generated_species": ["Na"', 'is not JSON'],
  ['no generated species', '{"true_species": ["Na"]}', 'generated_species is undefined'],
  ['an unknown element', '{"generated_species": ["Na", "Qq"]}', 'generated_species[1]: "Qq"'],
  ['lists of two lengths', '{"generated_species": ["Na"], "true_species": ["Na", "Cl"]}', '1 sites, true_species 2'],
  ['no sites', '{"generated_species": []}', 'generated_species is empty'],
])('a line with %s ends the program with file, line and how to mend it', (_, line, message) => {
  const file = join(folder, 'bad.jsonl')
  writeFileSync(file, `${lines}\n${line}\n`)
  const { status, stdout, stderr } = run(['metrics', file, '--json'])
  expect(status).toBe(1)
  expect(stdout).toBe('')
  expect(stderr).toContain(`unitcell-eval: error: ${file}:6: `)
  expect(stderr).toContain(message)
  expect(stderr.trimEnd()).toMatch(/^.*\(.+\)$/)
})

test.each([
  ['an absent file', ['metrics', join(folder, 'absent.jsonl')], /cannot read .*absent\.jsonl/],
  ['an empty input', ['metrics', '-'], /standard input holds no crystals/],
  ['no file', ['metrics'], /missing required argument/],
  ['an unknown option', ['metrics', '-', '--yaml'], /unknown option/],
  ['an unknown command', ['metric'], /unknown command/],
])('%s is an error on one line', (_, args, message) => {
  const { status, stdout, stderr } = run(args)
  expect(status).toBe(1)
  expect(stdout).toBe('')
  expect(stderr).toMatch(message)
  expect(stderr).toMatch(/^unitcell-eval: error: .+\(.+\)\n/)
})

test('--help says what the program does', () => {
  expect(run(['--help'])).toMatchObject({ status: 0, stdout: expect.stringContaining('metrics') })
  expect(run(['metrics', '--help']).stdout).toContain('generated_species')
})
