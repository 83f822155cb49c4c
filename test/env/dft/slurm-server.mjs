// A server that submits a run and waits for it, to be killed amid: node slurm-server.mjs WORK_FOLDER PSEUDO_FOLDER
import { DftRunner, PseudopotentialSet, SlurmLauncher } from '@unitcell/env'

const [workFolder, folder, structure] = process.argv.slice(2)
const { lattice, fracCoords, species } = JSON.parse(structure)
const pseudopotentials = await PseudopotentialSet.load({ kind: 'upf', folder })
const launcher = new SlurmLauncher({ pollSeconds: 0.2 })
const runner = await DftRunner.create({ pseudopotentials, workFolder, launcher })
await runner.run({
  lattice: Float64Array.from(lattice),
  fracCoords: Float64Array.from(fracCoords),
  species: Uint8Array.from(species),
})
