import { existsSync } from 'node:fs'
import { loadavg } from 'node:os'
import { performance } from 'node:perf_hooks'
import { fileURLToPath } from 'node:url'
import { ELEMENTS, compositionOf, parseComposition, readLines, validity } from '@unitcell/datasets'

export const name = 'validity'

const reference = fileURLToPath(new URL('../../../shared/reference/', import.meta.url))

/** Microseconds of one SMACT validity test, beside walking every combination of oxidation states. */
export async function run(print) {
  const { compositions, source } = await sample()
  const small = compositions.filter(({ elements }) => elements.length <= 4)
  for (let round = 0; round < 3; round++) measure(compositions, validity)
  const ours = measure(compositions, validity)
  const oursSmall = measure(small, validity)
  const product = measure(small, cartesianProduct)
  const fillings = measure(randomFillings(500), validity)
  print(`${compositions.length} compositions (${source}), one thread, load ${loadavg()[0].toFixed(2)}`)
  print(`  validity                          mean ${ours.mean.toFixed(1)} us, median ${ours.median.toFixed(1)} us`)
  print(
    `  random fillings of 20 sites       mean ${fillings.mean.toFixed(1)} us, median ${fillings.median.toFixed(1)} us`,
  )
  print(`  at most 4 elements (${small.length})         mean ${oursSmall.mean.toFixed(1)} us`)
  print(
    `  the same by cartesian product     mean ${product.mean.toFixed(1)} us, ${ratio(product, oursSmall)} times ours`,
  )
}

async function sample() {
  if (!existsSync(reference)) return { compositions: randomFillings(1200), source: 'random' }
  const compositions = []
  for (const kind of ['real', 'random']) {
    for await (const { text } of readLines(`${reference}smact-validity-${kind}.jsonl.gz`)) {
      compositions.push(parseComposition(JSON.parse(text).composition))
    }
  }
  return { compositions, source: 'reference' }
}

function randomFillings(count) {
  let state = 1
  const random = () => (state = (Math.imul(state, 1103515245) + 12345) >>> 0) / 2 ** 32
  return Array.from({ length: count }, () =>
    compositionOf(Uint8Array.from({ length: 20 }, () => Math.floor(random() * ELEMENTS.length))),
  )
}

function measure(compositions, decide) {
  const times = compositions.map((composition) => {
    const start = performance.now()
    decide(composition)
    return 1e3 * (performance.now() - start)
  })
  const sorted = [...times].sort((a, b) => a - b)
  return { mean: times.reduce((a, b) => a + b, 0) / times.length, median: sorted[times.length >> 1] }
}

const ratio = (a, b) => (a.mean / b.mean).toFixed(1)

/** Every combination, as SMACT walks them; all are formed before any is judged. */
function cartesianProduct({ elements, counts }) {
  const facts = Array.from(elements, (element) => ELEMENTS[element])
  if (facts.length === 1 || facts.every(({ isMetal }) => isMetal)) return true
  let combinations = [[]]
  for (const { oxidationStates } of facts) {
    combinations = combinations.flatMap((states) => oxidationStates.map((state) => [...states, state]))
  }
  const passes = (states) =>
    facts.every((cation, c) =>
      facts.every((anion, a) => {
        const tested = states[c] > 0 && states[a] < 0
        const known = cation.electronegativity !== null && anion.electronegativity !== null
        return !tested || !known || cation.electronegativity < anion.electronegativity
      }),
    )
  return combinations.some((states) => states.reduce((sum, q, i) => sum + q * counts[i], 0) === 0 && passes(states))
}
