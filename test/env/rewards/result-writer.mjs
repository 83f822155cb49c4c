// node result-writer.mjs FOLDER FIRST TEMPLATE: keeps one result after the other, each told by its number once it is
// kept, until the process is killed. TEMPLATE: {record, labelSet} as JSON; result n has the energy -n.
import { ResultStore } from '@unitcell/env'

const [folder, first, template] = process.argv.slice(2)
const { record, labelSet } = JSON.parse(template)
try {
  const store = await ResultStore.open(folder)
  for (let n = Number(first); ; n++) {
    const lattice = record.lattice.map((row) => row.map((value) => value * (1 + n / 100)))
    await store.put({ ...record, lattice, total_energy_ry: -n }, labelSet)
    process.stdout.write(`${n}\n`)
  }
} catch (error) {
  console.error(`${error.code}: ${error.message}`)
  process.exit(1)
}
