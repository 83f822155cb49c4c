import { Command } from 'commander'
import { exportCommand } from './commands/export.js'
import { graphCommand } from './commands/graph.js'
import { importCommand } from './commands/import.js'
import { infoCommand } from './commands/info.js'
import { runProgram } from './program.js'
import { validityCommand } from './commands/validity.js'
import { PROGRAM_VERSION } from './store/manifest.js'

const program = new Command('unitcell-data')
  .description('Crystals in: imports, graphs, validity and facts of crystal data sets')
  .version(PROGRAM_VERSION)
  .addCommand(importCommand())
  .addCommand(graphCommand())
  .addCommand(validityCommand())
  .addCommand(infoCommand())
  .addCommand(exportCommand())

await runProgram(program)
