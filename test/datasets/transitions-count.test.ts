import { gunzipSync } from 'node:zlib'
import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { CrystalDataSet, importDataSet, transitionCount, TransitionSet } from '@unitcell/datasets'
import { hasShared, needsShared, shared } from '../shared.js'

describe('the number of transitions', () => {
  test('is N for each of min(5, N) sources, none of a disconnected crystal', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 200 }), (sites) => {
        const sources = [0, 1, 2, 3, 4].filter((source) => source < sites)
        expect(transitionCount(sites, true)).toBe(sources.length * sites)
        expect(transitionCount(sites, false)).toBe(0)
      }),
    )
  })

  test.skipIf(!hasShared)(
    `of MP-20 nonmetals is the length of the orders pymatgen's graphs give${needsShared}`,
    async () => {
      interface Reference {
        bfs_sorted: number[][]
        connected: boolean
      }
      const orders = gunzipSync(readFileSync(shared('reference/crystalnn-nonmetals.jsonl.gz')))
        .toString()
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as Reference)
      let expected = 0
      for (const { bfs_sorted, connected } of orders) if (connected) expected += bfs_sorted.flat().length
      let counted = 0
      for (const { bfs_sorted, connected } of orders) {
        // The reference has no site count, but an order of a connected crystal has every site.
        if (connected) counted += transitionCount(bfs_sorted[0].length, connected)
      }
      expect(counted).toBe(expected)
    },
  )

  test.skipIf(!hasShared)(`in a manifest is the sum over its crystals${needsShared}`, async () => {
    const compiled = await importDataSet({
      ...{ name: 'val', format: 'auto', cell: 'niggli', maxSites: 20, licence: null, labelSet: null },
      sources: [{ split: 'val', file: shared('data/mp20-qe/val.jsonl.gz') }],
    })
    const split = new CrystalDataSet(compiled.manifest, (file) => compiled.files.get(file)!, 'memory').split('val')
    let transitions = 0
    let disconnected = 0
    for (let i = 0; i < split.count; i++) {
      const sites = split.structure(i).species.length
      if (split.connected(i)) transitions += sites * Math.min(5, sites)
      else disconnected++
    }
    expect(split.count).toBe(887)
    expect(new TransitionSet(split).count).toBe(transitions)
    expect(compiled.manifest.splits.val).toMatchObject({ transitions, disconnected })
    // The paper's 8,813 nonmetals give 521,124: 59.1 a crystal. 887 of them must come near.
    expect(transitions / split.count).toBeGreaterThan(55)
    expect(transitions / split.count).toBeLessThan(63)
  })
})
