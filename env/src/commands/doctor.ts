import { Command } from 'commander'
import { checksText, hasLack, type Check } from '../doctor/check.js'
import { checkLinearAlgebra, checkPseudopotentials, checkPw, checkSlurm } from '../doctor/dft-checks.js'
import { checkMemory, checkNode, checkWorkDisk } from '../doctor/machine-checks.js'
import { pseudoOption } from './dft-options.js'

interface DoctorOptions {
  readonly pseudo: string
  readonly workFolder?: string
  readonly json?: true
}

/** `unitcell-env doctor`: what this machine has, and how to mend what it lacks. */
export function doctorCommand(): Command {
  return new Command('doctor')
    .description('say what this machine has of what the programs can use; exit code 0 if DFT can run')
    .addOption(pseudoOption())
    .option('--work-folder <dir>', 'where runs would happen')
    .option('--json', 'print one JSON object')
    .action(examine)
}

async function examine({ pseudo, workFolder, json }: DoctorOptions): Promise<void> {
  const looked: (Check | null)[] = await Promise.all([
    checkNode(),
    checkPw(),
    checkLinearAlgebra(),
    checkPseudopotentials(pseudo),
    checkSlurm(),
    checkMemory(),
    checkWorkDisk(workFolder),
  ])
  const checks = looked.filter((check) => check !== null)
  console.log(json ? JSON.stringify({ checks }) : checksText(checks))
  if (hasLack(checks)) process.exitCode = 1
}
