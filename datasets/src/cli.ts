import { Command } from 'commander'
import { cardCommand } from './commands/card.js'
import { exportCommand } from './commands/export.js'
import { buildReferenceCommand } from './commands/build-reference.js'
import { graphCommand } from './commands/graph.js'
import { importCommand } from './commands/import.js'
import { infoCommand } from './commands/info.js'
import { runProgram } from './program.js'
import { transitionsCommand } from './commands/transitions.js'
import { validityCommand } from './commands/validity.js'
import { verifyCommand } from './commands/verify.js'
import { PROGRAM_VERSION } from './store/manifest.js'

const program = new Command('unitcell-data')
  .description('Crystal data sets: imports, graphs, validity, facts, checks, transitions and exports')
  .version(PROGRAM_VERSION)
  .addCommand(importCommand())
  .addCommand(graphCommand())
  .addCommand(validityCommand())
  .addCommand(infoCommand())
  .addCommand(transitionsCommand())
  .addCommand(exportCommand())
  .addCommand(verifyCommand())
  .addCommand(cardCommand())
  .addCommand(buildReferenceCommand())

await runProgram(program)
