import { readFileSync } from 'node:fs'
import { runProgram } from '@unitcell/datasets'
import { Command } from 'commander'
import { metricsCommand } from './commands/metrics.js'

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string }

const program = new Command('unitcell-eval')
  .description('Scores generated crystals')
  .version(version)
  .addCommand(metricsCommand())

await runProgram(program)
