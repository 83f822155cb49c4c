// Builds the addon with the machine's own compiler, when it is not there or its sources changed. Run by `npm install`,
// which it never fails: without a compiler the tfjs engine does the work, and this says so.
// build.js --force builds in any case; --strict exits with 1 when there is no addon in the end.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

const here = import.meta.dirname
const folder = join(here, 'build')
const output = join(folder, 'unitcell-network.node')
const stamp = join(folder, 'sources.sha256')
const compiler = process.env.CXX || 'g++'

const common = ['-O3', '-std=c++17', '-fPIC', '-fvisibility=hidden', '-fno-math-errno', '-ffp-contract=fast', '-Wall']
const avx512 = ['f', 'dq', 'bw', 'vl'].map((part) => `-mavx512${part}`)
const x64 = process.arch === 'x64'
const units = [
  { source: 'addon.cpp' },
  { source: 'engine.cpp' },
  { source: 'plan.cpp' },
  { source: 'kernels.cpp', object: 'kernels-portable' },
  ...(x64 ? [{ source: 'kernels.cpp', object: 'kernels-avx2', flags: ['-mavx2', '-mfma'] }] : []),
  ...(x64
    ? [{ source: 'kernels.cpp', object: 'kernels-avx512', flags: [...avx512, '-mfma', '-mprefer-vector-width=512'] }]
    : []),
]

function sourcesHash() {
  const hash = createHash('sha256')
  for (const file of readdirSync(here).sort()) {
    if (/\.(cpp|h|js)$/.test(file)) hash.update(file).update(readFileSync(join(here, file)))
  }
  return hash.update(`${process.platform} ${process.arch} ${compiler}`).digest('hex')
}

function build(headers, hash) {
  mkdirSync(folder, { recursive: true })
  const temporary = mkdtempSync(join(folder, 'tmp-'))
  try {
    const objects = units.map(({ source, object = source, flags = [] }) => {
      const to = join(temporary, `${object}.o`)
      run([...common, ...flags, `-I${headers}`, '-c', join(here, source), '-o', to])
      return to
    })
    const linked = join(temporary, 'addon.node')
    const undefinedAllowed = process.platform === 'darwin' ? ['-undefined', 'dynamic_lookup'] : []
    run(['-shared', '-pthread', ...undefinedAllowed, ...objects, '-o', linked])
    renameSync(linked, output)
    writeFileSync(join(temporary, 'stamp'), hash)
    renameSync(join(temporary, 'stamp'), stamp)
  } finally {
    rmSync(temporary, { recursive: true, force: true })
  }
}

function run(args) {
  const { status, stderr, error } = spawnSync(compiler, args, { encoding: 'utf8' })
  if (error || status !== 0) throw new Error((stderr || String(error)).trim().split('\n').slice(0, 5).join('\n'))
}

function main() {
  if (process.platform === 'win32') return 'skipped on Windows'
  const hash = sourcesHash()
  const isCurrent = existsSync(output) && existsSync(stamp) && readFileSync(stamp, 'utf8') === hash
  if (isCurrent && !process.argv.includes('--force')) return null
  const { error, status } = spawnSync(compiler, ['--version'])
  if (error || status !== 0) return `skipped: no C++ compiler (${compiler} does not run)`
  let headers
  try {
    headers = createRequire(import.meta.url)('node-api-headers').include_dir
  } catch {
    return 'skipped: the package node-api-headers is not installed'
  }
  if (!existsSync(join(headers, 'node_api.h'))) headers = join(dirname(headers), 'include')
  try {
    build(headers, hash)
  } catch (error) {
    return `failed to build: ${error.message}`
  }
  return null
}

const problem = main()
if (problem) {
  console.error(`unitcell: native network engine ${problem}; networks run on tfjs, more slowly`)
  if (process.argv.includes('--strict')) process.exitCode = 1
}
