// npm run bench [-- NAME ...]: runs the benchmarks test/bench/NAME.bench.mjs, all without a name. Each one measures a
// peer or a physical limit beside its subject in the same run and prints the ratio; absolute times mean little here.
import { readdirSync } from 'node:fs'
import { cpus, loadavg } from 'node:os'

const known = readdirSync(import.meta.dirname)
  .filter((file) => file.endsWith('.bench.mjs'))
  .map((file) => file.replace('.bench.mjs', ''))
const names = process.argv.slice(2)
const unknown = names.filter((name) => !known.includes(name))
if (unknown.length > 0) {
  console.error(`bench: error: no benchmark ${unknown.join(', ')} (known: ${known.join(', ')})`)
  process.exit(1)
}
for (const name of names.length > 0 ? names : known) {
  const { run } = await import(`./${name}.bench.mjs`)
  console.log(
    `\n## ${name} (${cpus().length} cores, ${cpus()[0].model.trim()}, node ${process.version}, load ${loadavg()[0].toFixed(2)})`,
  )
  await run(console.log)
}
