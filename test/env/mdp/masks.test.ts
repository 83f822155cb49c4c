import { ELEMENT_COUNT, elementIndex, speciesValidity, SYMBOLS } from '@unitcell/datasets'
import { connect, type Client, type Env, type EnvironmentOptionsInput } from '@unitcell/protocol'
import fc from 'fast-check'
import { beforeAll, expect, test } from 'vitest'
import { startServer } from '../server/wire.js'

let client: Client
beforeAll(async () => {
  client = await connect((await startServer()).url)
})

type Constraints = NonNullable<EnvironmentOptionsInput['constraints']>

const make = (constraints: Constraints, options: EnvironmentOptionsInput = {}) =>
  client.make('CrystalFill-v1', { split: 'train', constraints, ...options })

const symbols = (mask: Uint8Array) => SYMBOLS.filter((_, element) => mask[element] === 1)
const index = (symbol: string) => elementIndex(symbol)!

/** Plays an episode, each action drawn from the mask by `pick`; returns the filling and the masks it met. */
async function playMasked(env: Env, seed: number, pick: (allowed: number[], step: number) => number) {
  const masks: Uint8Array[] = []
  let { observation } = await env.reset({ seed })
  while (observation.focus >= 0) {
    const mask = await env.mask()
    masks.push(mask)
    const allowed = [...mask.keys()].filter((element) => mask[element] === 1)
    expect(allowed.length).toBeGreaterThan(0)
    ;({ observation } = await env.step(pick(allowed, masks.length)))
  }
  return { elements: observation.elements, masks }
}

/** A seeded choice. */
const picker = (seed: number) => (allowed: number[], step: number) => allowed[(seed * 31 + step * 17) % allowed.length]

test('without constraints every action is allowed at every step', async () => {
  const env = await make({})
  const { masks } = await playMasked(env, 1, picker(1))
  for (const mask of masks) expect(mask).toEqual(new Uint8Array(ELEMENT_COUNT).fill(1))
})

test('allowed elements narrow the mask to themselves', async () => {
  const env = await make({ elements: ['O', 'Li', 'Zn'] })
  const { masks } = await playMasked(env, 2, picker(2))
  for (const mask of masks) expect(symbols(mask)).toEqual(['Li', 'O', 'Zn'])
})

test('a masked action is refused with its code, and nothing changes', async () => {
  const env = await make({ elements: ['O'] })
  await env.reset({ seed: 2 })
  const before = await env.observe()
  await expect(env.step(index('Na'))).rejects.toMatchObject({ code: 'masked_action', details: { action: index('Na') } })
  expect(await env.observe()).toEqual(before)
  expect((await env.step(index('O'))).observation.step).toBe(1)
})

test('a formula is filled exactly, and only crystals whose sites it divides are drawn', async () => {
  const env = await make({ formula: { Ti: 2, O: 4 } })
  for (let seed = 0; seed < 10; seed++) {
    const { elements } = await playMasked(env, seed, picker(seed))
    expect(elements.length % 3).toBe(0)
    expect([...elements].filter((element) => element === index('Ti'))).toHaveLength(elements.length / 3)
    expect([...elements].filter((element) => element === index('O'))).toHaveLength((2 * elements.length) / 3)
  }
})

test('a crystal that the formula does not fit is refused', async () => {
  const env = await make({ formula: { Ti: 1, O: 2 } })
  await expect(env.reset({ options: { crystal: 'reference-lif-rocksalt' } })).rejects.toMatchObject({
    code: 'invalid_options',
    message: 'the formula has 3 sites a unit, the crystal 2',
  })
})

test('with max_elements no filling has more kinds', async () => {
  const env = await make({ max_elements: 2 })
  let most = 0
  for (let seed = 0; seed < 15; seed++) {
    const { elements, masks } = await playMasked(env, seed, picker(seed))
    most = Math.max(most, new Set(elements).size)
    if (new Set(elements).size === 2 && elements.length > 4) expect(symbols(masks.at(-1)!)).toHaveLength(2)
  }
  expect(most).toBe(2)
})

test('with neutral, random play gives SMACT-valid fillings, and one that is not met no valid last choice', async () => {
  const env = await make({ neutral: true })
  let valid = 0
  let episodes = 0
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 0, max: 1e6 }),
      fc.array(fc.nat(), { minLength: 30, maxLength: 30 }),
      async (seed, choices) => {
        const { elements } = await playMasked(env, seed, (allowed, step) => allowed[choices[step] % allowed.length])
        episodes++
        if (speciesValidity(elements).valid) valid++
        else {
          // The rule is lifted only where no element on the last site would have made the crystal valid.
          const { order } = (await env.observe()).observation.graph
          const trial = elements.slice()
          for (let element = 0; element < ELEMENT_COUNT; element++) {
            trial[order[order.length - 1]] = element
            expect(speciesValidity(trial).valid).toBe(false)
          }
        }
      },
    ),
    { numRuns: 60, seed: 1 },
  )
  expect(valid / episodes).toBeGreaterThan(0.95)
})

test('with neutral, the last mask holds exactly the elements that make the filling valid', async () => {
  const env = await make({ neutral: true, elements: ['Na', 'Mg', 'Al', 'O', 'F', 'Cl'] })
  let narrowed = 0
  for (let seed = 0; seed < 12; seed++) {
    const { elements, masks } = await playMasked(env, seed, picker(seed))
    const last = (await env.observe()).observation.graph.order.at(-1)!
    const validating = ['O', 'F', 'Na', 'Mg', 'Al', 'Cl'].filter((symbol) => {
      const trial = elements.slice()
      trial[last] = index(symbol)
      return speciesValidity(trial).valid
    })
    if (validating.length === 0) continue
    narrowed++
    expect(symbols(masks.at(-1)!)).toEqual(validating)
  }
  expect(narrowed).toBeGreaterThan(6)
})

test('info.mask comes with every observation that asks for it, and is what mask answers', async () => {
  const env = await client.makeVector('CrystalFill-v1', 3, { mask: true, constraints: { elements: ['O', 'S'] } })
  const { info } = await env.reset({ seed: 1 })
  expect(info.mask).toMatchObject({ dtype: 'bool', shape: [3, 88] })
  expect(Uint8Array.from(info.mask!.data)).toEqual(Uint8Array.from(await env.mask()))
  const { info: after } = await env.step([index('O'), index('S'), index('O')])
  expect(Uint8Array.from(after.mask!.data)).toEqual(Uint8Array.from(await env.mask()))
})

test.each([
  [{ elements: ['Qq'] }, 'constraints.elements: "Qq" is none of the 88 elements'],
  [{ formula: { Po: 1 } }, 'constraints.formula: "Po" is none of the 88 elements'],
  [{ formula: {} }, 'constraints.formula is empty'],
  [
    { formula: { Na: 1, Cl: 1 }, elements: ['Na'] },
    'constraints.formula needs Cl, which constraints.elements excludes',
  ],
  [
    { formula: { Na: 1, Cl: 1 }, max_elements: 1 },
    'constraints.formula has 2 elements, constraints.max_elements allows 1',
  ],
  [{ formula: { O: 1, H: 96 } }, 'split train has no crystal with a number of sites that is a multiple of 97'],
] as [Constraints, string][])(
  'constraints that leave nothing to choose are refused: %j',
  async (constraints, message) => {
    await expect(make(constraints)).rejects.toMatchObject({
      code: 'invalid_options',
      message: expect.stringContaining(message),
    })
  },
)
