import { Command } from 'commander'
import { runProgram } from '@unitcell/datasets'
import { cacheCommand } from './commands/cache.js'
import { dftCommand } from './commands/dft.js'
import { doctorCommand } from './commands/doctor.js'
import { serveCommand } from './commands/serve.js'
import { PROGRAM_VERSION } from './version.js'

const program = new Command('unitcell-env')
  .description('The crystal environment server')
  .version(PROGRAM_VERSION)
  .addCommand(serveCommand())
  .addCommand(dftCommand())
  .addCommand(doctorCommand())
  .addCommand(cacheCommand())

await runProgram(program)
