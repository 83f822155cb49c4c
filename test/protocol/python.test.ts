import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { execa } from 'execa'
import { expect, test } from 'vitest'

const package_ = fileURLToPath(new URL('../../protocol/python/', import.meta.url))

/** Python with the package and pytest: `$UNITCELL_PYTHON`, or the one that `protocol/python/README.md` tells to make. */
const python = process.env['UNITCELL_PYTHON'] ?? `${package_}.venv/bin/python`
const imports = ['-c', 'import unitcell, pytest, tqdm, flit_core']
const missing =
  existsSync(python) && spawnSync(python, imports).status === 0
    ? ''
    : ' (skipped: no protocol/python/.venv; see protocol/python/README.md)'

test.skipIf(missing !== '')(`the Python package passes its own tests${missing}`, { timeout: 300_000 }, async () => {
  const { exitCode, stdout } = await execa(python, ['-m', 'pytest', '--color=no'], { cwd: package_, reject: false })
  // All of the report where something failed, its last line where nothing did.
  expect(exitCode, stdout).toBe(0)
  expect(stdout).toMatch(/\d+ passed/)
  expect(stdout).not.toMatch(/\d+ (failed|error)/)
})

test.skipIf(missing !== '')(`the Python package builds a wheel${missing}`, { timeout: 120_000 }, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'unitcell-wheel-'))
  const script = `import os, sys; os.chdir(sys.argv[1]); from flit_core import buildapi; print(buildapi.build_wheel(sys.argv[2]))`
  const { stdout } = await execa(python, ['-c', script, package_, folder])
  expect(stdout).toBe('unitcell-0.1.0-py3-none-any.whl')
  const list = await execa(python, ['-m', 'zipfile', '-l', `${folder}/${stdout}`])
  for (const file of ['unitcell/env.py', 'unitcell/py.typed', 'METADATA']) expect(list.stdout).toContain(file)
  rmSync(folder, { recursive: true })
})
