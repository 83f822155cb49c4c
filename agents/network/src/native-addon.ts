import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { NetworkError } from './network-error.js'

/** What the compiled engine exports (native/addon.cpp). */
export interface NativeAddon {
  create(integers: Int32Array, dropout: number, instructionSet: string, threads: number): NativeEngine
  free(engine: NativeEngine): void
  /** The instruction set that would run when this one is asked for ('' for the best): '' when it cannot. */
  instructionSet(wanted: string): string
  size(engine: NativeEngine): number
  forward(engine: NativeEngine, batch: NativeBatch, target: boolean, sites: boolean, out: Float32Array): void
  gradient(engine: NativeEngine, losses: Float64Array, gradient: Float32Array, ...objective: NativeObjective): void
  step(engine: NativeEngine, losses: Float64Array, update: Float64Array, ...objective: NativeObjective): void
  get(engine: NativeEngine, array: NativeArray, out: Float32Array): void
  set(engine: NativeEngine, array: NativeArray, values: Float32Array): void
  /** Sets Adam's step count unless `to` is -1; returns the one before. */
  steps(engine: NativeEngine, to: number): number
  /** Floating point operations per second that the matrix kernel reaches on one core, operands in cache. */
  peak(instructionSet: string, seconds: number): number
}

declare const engine: unique symbol
export interface NativeEngine {
  readonly [engine]: true
}

/** nodeOffsets, edgeOffsets, elements, focus, state, nodeFeatures, nodeTokens, sources, targets, distances. */
export type NativeBatch = readonly (Float32Array | Uint32Array | Uint8Array)[]

export type NativeObjective = readonly [
  batch: NativeBatch,
  actions: Uint8Array,
  weights: Float32Array | null,
  auxiliary: number,
  siteElements: Uint8Array | null,
  dropoutSeed: number | null,
  cql:
    | readonly [rewards: Float32Array, terminal: Uint8Array, next: NativeBatch | null, gamma: number, omega: number]
    | null,
]

/** Online and target parameters, first and second moments. */
export type NativeArray = 0 | 1 | 2 | 3

export const INSTRUCTION_SETS = ['avx512', 'avx2', 'portable'] as const
export type InstructionSet = (typeof INSTRUCTION_SETS)[number]

const path = fileURLToPath(new URL('../native/build/unitcell-network.node', import.meta.url))
let addon: NativeAddon | undefined

/** Whether the addon was built on this machine. */
export function hasNativeAddon(): boolean {
  return existsSync(path)
}

/** @throws {NetworkError} `backend_unavailable` */
export function nativeAddon(): NativeAddon {
  if (addon) return addon
  if (!hasNativeAddon()) {
    const fix = 'install g++ and run `npm install`, or use another backend'
    throw new NetworkError('backend_unavailable', 'the native engine was not built on this machine', fix)
  }
  try {
    addon = createRequire(import.meta.url)(path) as NativeAddon
  } catch (error) {
    const what = `the native engine cannot be loaded: ${(error as Error).message}`
    throw new NetworkError('backend_unavailable', what, 'build it again with `npm run build:native`')
  }
  return addon
}
