import { architecture, createQNetwork, hasNativeAddon, type BackendChoice } from '@unitcell/network'
import { startTfjs } from '@unitcell/network/tfjs'
import { expect, test } from 'vitest'

test('auto takes the native engine where it was built, else tfjs, and says why', async () => {
  const network = await createQNetwork(architecture())
  if (hasNativeAddon()) expect(network.backend.name).toBe('native')
  else {
    expect(network.backend.name).toBe('tfjs')
    expect(network.backend.detail).toContain('the native engine was not built on this machine')
  }
  network.dispose()
})

test('tfjs says where it computes', async () => {
  const network = await createQNetwork(architecture(), { backend: 'tfjs' })
  expect(network.backend).toMatchObject({ name: 'tfjs', threads: 1 })
  expect(network.backend.detail).toMatch(/^(TensorFlow of|WebAssembly)/)
  network.dispose()
})

test('a backend that there is not is refused', async () => {
  const backend = 'torch' as BackendChoice
  await expect(createQNetwork(architecture(), { backend })).rejects.toMatchObject({ code: 'bad_argument' })
})

test('a device that is not installed is refused with the command that installs it', async () => {
  const start = () => startTfjs('tensorflow')
  await start().then(
    ({ detail }) => expect(detail).toContain('TensorFlow of'),
    (error: unknown) => expect(error).toMatchObject({ code: 'backend_unavailable', message: expect.stringMatching('npm install') }), // prettier-ignore
  )
})
