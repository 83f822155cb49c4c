import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { open } from 'lmdb'
import { parseCrystal, permuteStructure, sitePermutations } from '@unitcell/datasets'
import { cacheRecord, Calculator, filledCrystal, labelSetIdentity, ResultStore, structureFailure } from '@unitcell/env'

const lookups = 2000

/** Median wall time and 99th percentile of CPU time, of `act(i)`, microseconds. */
function microseconds(act) {
  const wall = []
  const cpu = []
  for (let i = 0; i < lookups; i++) {
    const before = process.cpuUsage()
    const started = performance.now()
    act(i)
    wall.push(1000 * (performance.now() - started))
    const { user, system } = process.cpuUsage(before)
    cpu.push(user + system)
  }
  const at = (times, quantile) => times.sort((a, b) => a - b)[Math.floor(quantile * lookups)]
  return { median: at(wall, 0.5), cpu99: at(cpu, 0.99) }
}

/** Cached evaluations: in memory, and found on disk by another description of the crystal, beside a raw get of LMDB. */
export async function run(print) {
  const crystals = readFileSync(new URL('../../datasets/reference/sssp/crystals.jsonl', import.meta.url), 'utf8')
    .trim()
    .split('\n')
    .map((line) => parseCrystal(line).structure)
  const hash = 'a'.repeat(64)
  const labelSet = { code: 'Quantum Espresso pw.x', pseudopotentials: {} }
  const identity = labelSetIdentity(labelSet)
  const runner = {
    labelSet,
    identityFor: () => identity,
    precheck: structureFailure,
    run: () => Promise.reject(new Error()),
  }
  const folder = mkdtempSync(join(tmpdir(), 'unitcell-bench-'))
  try {
    const store = await ResultStore.open(folder)
    const result = { status: 'converged', totalEnergyRy: -1, bandGapEv: 1, signedGapEv: 1, labelSet: identity, pwVersion: '6.7', electrons: 8, nspin: 1, totalMagnetization: 0, bands: 8, kPoints: 4, scfIterations: 9, cpuSeconds: 1, wallSeconds: 1 } // prettier-ignore
    await Promise.all(crystals.map((structure) => store.put(cacheRecord(structure, result), labelSet)))

    const raw = open({ path: join(folder, 'raw'), encoding: 'string' })
    await Promise.all(crystals.map((_, i) => raw.put([hash, i], 'v'.repeat(1500))))
    const get = microseconds((i) => raw.get([hash, i % crystals.length]))

    const known = crystals.map((structure) => sitePermutations(structure))
    const calculator = new Calculator(runner, store, { slots: 1 })
    const same = (i) => crystals[i % crystals.length]
    // Sites in another order from another origin: a description that memory does not have yet.
    const other = (i) => {
      const structure = same(i)
      const order = Uint16Array.from(structure.species.keys()).reverse()
      const listed = permuteStructure(structure, order)
      return { ...listed, fracCoords: listed.fracCoords.map((value) => value + i / 7919) }
    }
    const lookup = (structure) => {
      if (calculator.lookup(filledCrystal(structure, structure.species)) === null) throw new Error('not cached')
    }
    const described = Array.from({ length: lookups }, (_, i) => other(i))
    const cold = microseconds((i) => lookup(described[i]))
    // The two elements of a rocksalt swapped, say: a symmetry of the skeleton, which a data set knows.
    const moved = microseconds((i) => {
      const structure = same(i)
      const permutations = known[i % crystals.length]
      const permutation = permutations[permutations.length - 1]
      const species = Uint8Array.from(permutation, (site) => structure.species[site])
      const fresh = { ...structure, fracCoords: structure.fracCoords.map((value) => value + 1 + i) }
      if (calculator.lookup(filledCrystal(fresh, species, () => permutations)) === null) throw new Error('not cached')
    })
    crystals.forEach(lookup)
    const warm = microseconds((i) => lookup(same(i)))
    const measured = {
      'raw LMDB get': get,
      'cached, in memory': warm,
      'cached, on disk, moved by a symmetry': moved,
      'cached, on disk, described otherwise': cold,
    }
    for (const [name, { median, cpu99 }] of Object.entries(measured)) {
      const ratio = (median / get.median).toFixed(1)
      print(`${name.padEnd(38)} median ${median.toFixed(1)} us, ${ratio} of a raw get; 99 % within ${cpu99} us of CPU`)
    }
    await raw.close()
    await store.close()
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
