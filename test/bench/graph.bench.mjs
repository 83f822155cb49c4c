// CrystalNN per crystal on one core, beside pymatgen's own CrystalNN on a few of the same crystals in the same run.
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { loadavg } from 'node:os'
import { gunzipSync } from 'node:zlib'
import { adjacency, breadthFirstOrder, crystalNN } from '@unitcell/datasets'

export const name = 'graph'

const ROUNDS = 10
const PEER_CRYSTALS = 5

const peerProgram = `
import json, statistics, sys, time, warnings
warnings.simplefilter("ignore")
from pymatgen.analysis.local_env import CrystalNN
from pymatgen.core import Lattice, Structure
times = []
for row in json.load(sys.stdin):
    structure = Structure(Lattice(row["lattice"]), row["species"], row["frac"])
    finder = CrystalNN(distance_cutoffs=None, x_diff_weight=-1, porous_adjustment=False)
    start = time.perf_counter()
    finder.get_all_nn_info(structure)
    times.append(1000 * (time.perf_counter() - start))
print(statistics.median(times))
`

export async function run(print) {
  const { label, rows } = readCrystals()
  const skeletons = rows.map(({ lattice, frac }) => ({
    lattice: Float64Array.from(lattice.flat()),
    fracCoords: Float64Array.from(frac.flat()),
  }))
  const times = skeletons.map((skeleton) => median(Array.from({ length: ROUNDS }, () => milliseconds(skeleton))))
  const ours = median(times)
  print(`crystalNN            ${ours.toFixed(3)} ms per crystal, median of ${rows.length} ${label}`)
  print(`                     ${Math.min(...times).toFixed(3)} to ${Math.max(...times).toFixed(3)} ms`)

  const peer = spawnSync('python3', ['-c', peerProgram], {
    input: JSON.stringify(rows.slice(0, PEER_CRYSTALS)),
    encoding: 'utf8',
  })
  if (peer.status === 0) {
    const same = median(times.slice(0, PEER_CRYSTALS))
    const theirs = Number(peer.stdout)
    print(`pymatgen's CrystalNN ${theirs.toFixed(1)} ms per crystal, median of the first ${PEER_CRYSTALS} of them`)
    print(`ratio                ${(theirs / same).toFixed(0)} on these ${PEER_CRYSTALS} (ours ${same.toFixed(3)} ms)`)
  } else {
    print('pymatgen             absent (python3 cannot import it): no ratio to a peer in this run')
  }

  const graphs = skeletons.map((skeleton) => adjacency(crystalNN(skeleton), skeleton.fracCoords.length / 3))
  const start = performance.now()
  const repeats = 2000
  let lastSites = 0
  for (let k = 0; k < repeats; k++) for (const graph of graphs) lastSites += breadthFirstOrder(graph, 0).at(-1)
  const micro = (1000 * (performance.now() - start)) / repeats / graphs.length
  print(`breadthFirstOrder    ${micro.toFixed(2)} us per crystal with its adjacency at hand, mean (sum ${lastSites})`)
  print(
    `load averages        ${loadavg()
      .map((load) => load.toFixed(2))
      .join(' ')}`,
  )
}

function milliseconds(skeleton) {
  const start = performance.now()
  crystalNN(skeleton)
  return performance.now() - start
}

function readCrystals() {
  const reference = new URL('../../../shared/reference/crystalnn-nonmetals.jsonl.gz', import.meta.url)
  if (existsSync(reference)) return { label: 'reference nonmetals', rows: parse(gunzipSync(readFileSync(reference))) }
  const builtIn = parse(readFileSync(new URL('../../datasets/reference/sssp/crystals.jsonl', import.meta.url)))
  return { label: 'built-in crystals', rows: builtIn.map((row) => ({ ...row, frac: row.frac_coords })) }
}

function parse(bytes) {
  return bytes
    .toString()
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
}

function median(values) {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[sorted.length >> 1]
}
