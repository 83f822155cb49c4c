import { createRequire } from 'node:module'
import { dirname, sep } from 'node:path'
import * as tf from '@tensorflow/tfjs-core'
import { NetworkError } from '../network-error.js'
import { registerGradients } from './gradients.js'
import { mendWasmKernels } from './wasm-kernels.js'

/** Where tfjs computes: TensorFlow itself where one of its packages is installed, else WebAssembly, else JavaScript. */
export type TfjsDevice = 'tensorflow' | 'wasm' | 'cpu'

/** The packages that bring TensorFlow, best first. They download it when installed, so none of ours depends on them. */
const TENSORFLOW_PACKAGES = ['@tensorflow/tfjs-node-gpu', '@tensorflow/tfjs-node'] as const

export interface TfjsBackend {
  readonly device: TfjsDevice
  /** What it is, and why it is not a faster one. */
  readonly detail: string
}

/**
 * Makes tfjs ready, with the fastest device that works here or with the one asked for.
 *
 * @throws {NetworkError} `backend_unavailable`
 */
export async function startTfjs(wanted?: TfjsDevice): Promise<TfjsBackend> {
  // Without tfjs's advertisement on the console.
  tf.enableProdMode()
  const refusals: string[] = []
  for (const device of wanted ? [wanted] : (['tensorflow', 'wasm', 'cpu'] as const)) {
    try {
      const detail = await start[device]()
      registerGradients()
      return { device, detail: [detail, ...refusals].join('; ') }
    } catch (error) {
      refusals.push(error instanceof Error ? error.message : String(error))
    }
  }
  const fix = 'npm install --no-save @tensorflow/tfjs-node-gpu@4.22.0, or ask for another device'
  throw new NetworkError('backend_unavailable', `tfjs cannot compute here: ${refusals.join('; ')}`, fix)
}

const start: Readonly<Record<TfjsDevice, () => Promise<string>>> = {
  async tensorflow() {
    const failures: string[] = []
    for (const name of TENSORFLOW_PACKAGES) {
      try {
        createRequire(import.meta.url).resolve(name)
      } catch {
        continue
      }
      try {
        await import(name)
        if (!tf.findBackendFactory('tensorflow')) throw new Error(`it has a tfjs-core other than ${tf.version_core}`)
        await use('tensorflow')
        return `TensorFlow of ${name}`
      } catch (error) {
        failures.push(`${name} does not load: ${(error as Error).message.split('\n')[0]}`)
      }
    }
    throw new Error(failures.join('; ') || 'no tfjs-node-gpu or tfjs-node is installed')
  },
  async wasm() {
    const { setWasmPaths } = await import('@tensorflow/tfjs-backend-wasm')
    setWasmPaths(dirname(createRequire(import.meta.url).resolve('@tensorflow/tfjs-backend-wasm')) + sep)
    await use('wasm')
    mendWasmKernels()
    return 'WebAssembly, one thread'
  },
  async cpu() {
    await import('@tensorflow/tfjs-backend-cpu')
    await use('cpu')
    return 'plain JavaScript, slow'
  },
}

async function use(name: string): Promise<void> {
  if (!(await tf.setBackend(name))) throw new Error(`tfjs could not start its ${name} backend`)
}
