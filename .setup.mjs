// Makes a fresh clone runnable: installs the locked packages when they are missing or older than the lock file,
// then compiles what changed. Called by `npm run quickstart`, `npm test`, `npm run serve` and `npm run bench`.
import { spawnSync } from 'node:child_process'
import { existsSync, statSync } from 'node:fs'

const lock = 'package-lock.json'
const installed = 'node_modules/.package-lock.json'

function run(command) {
  const { status } = spawnSync(command, { shell: true, stdio: 'inherit' })
  if (status !== 0) {
    console.error(`unitcell: error: \`${command}\` failed (its own message stands above)`)
    process.exit(status ?? 1)
  }
}

if (!existsSync(installed) || statSync(installed).mtimeMs < statSync(lock).mtimeMs) {
  console.error('unitcell: installing the packages of package-lock.json ...')
  // Not `npm ci`: it refuses a lock file that lacks optional packages of platforms other than the one it was made on.
  run('npm install --no-save --no-audit --no-fund --loglevel=error')
} else {
  run('npx --no-install tsc -b')
  run('node agents/network/native/build.js')
}
