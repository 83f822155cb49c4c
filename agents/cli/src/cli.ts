import { readFileSync } from 'node:fs'
import { runProgram } from '@unitcell/datasets'
import { Command } from 'commander'
import { infoCommand } from './info-command.js'
import { runCommand } from './run-command.js'
import { trainCommand } from './train-command.js'

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string }

const program = new Command('unitcell-agent')
  .description('Agents that fill crystals')
  .version(version)
  .addCommand(trainCommand())
  .addCommand(runCommand())
  .addCommand(infoCommand())

await runProgram(program)
