import { TfjsQNetwork } from '@unitcell/network/tfjs'
import { describe } from 'vitest'
import { qNetworkCases } from './q-network.cases.js'

for (const device of ['wasm', 'cpu'] as const) {
  describe(`tfjs on ${device}`, () => qNetworkCases((a, seed) => TfjsQNetwork.create(a, { seed, device })))
}
