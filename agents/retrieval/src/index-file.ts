import { decodeSafetensors, encodeSafetensors, SafetensorsError, type Structure, type Tensor } from '@unitcell/datasets'

const FORMAT = 'unitcell-skeletons-1'

/** The crystals of an index as a safetensors file, for an agent that takes what it remembers along. */
export function encodeStructures(structures: readonly Structure[]): Uint8Array {
  const offsets = new Uint32Array(structures.length + 1)
  structures.forEach(({ species }, i) => (offsets[i + 1] = offsets[i] + species.length))
  const sites = offsets[structures.length]
  const lattices = new Float64Array(9 * structures.length)
  const fracCoords = new Float64Array(3 * sites)
  const species = new Uint8Array(sites)
  structures.forEach((structure, i) => {
    lattices.set(structure.lattice, 9 * i)
    fracCoords.set(structure.fracCoords, 3 * offsets[i])
    species.set(structure.species, offsets[i])
  })
  const tensors = {
    site_offsets: { dtype: 'U32', shape: [offsets.length], data: offsets },
    lattices: { dtype: 'F64', shape: [structures.length, 3, 3], data: lattices },
    frac_coords: { dtype: 'F64', shape: [sites, 3], data: fracCoords },
    species: { dtype: 'U8', shape: [sites], data: species },
  } as const
  return encodeSafetensors(tensors, { format: FORMAT })
}

/**
 * The crystals of such a file, as views of its bytes.
 * @throws SafetensorsError `bad_header` for a file of another kind, and what `decodeSafetensors` finds
 */
export function decodeStructures(bytes: Uint8Array, source: string): Structure[] {
  const { tensors, metadata } = decodeSafetensors(bytes, source)
  const data = <T extends Tensor['data']>(name: string) => tensors.get(name)?.data as T | undefined
  const offsets = data<Uint32Array>('site_offsets')
  const lattices = data<Float64Array>('lattices')
  const fracCoords = data<Float64Array>('frac_coords')
  const species = data<Uint8Array>('species')
  if (metadata['format'] !== FORMAT || !offsets || !lattices || !fracCoords || !species) {
    throw new SafetensorsError('bad_header', `${source} does not hold skeletons (${FORMAT})`)
  }
  return Array.from({ length: offsets.length - 1 }, (_, i) => ({
    lattice: lattices.subarray(9 * i, 9 * i + 9),
    fracCoords: fracCoords.subarray(3 * offsets[i], 3 * offsets[i + 1]),
    species: species.subarray(offsets[i], offsets[i + 1]),
  }))
}
