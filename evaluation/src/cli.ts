import { Command, CommanderError } from 'commander'
import { CrystalError } from '@unitcell/datasets'
import { readGenerated } from './metrics/generated-crystals.js'
import { type GeneratedCrystal, scoreCrystals, scoreRecord } from './metrics/score.js'
import { scoreTable } from './metrics/score-table.js'

const program = new Command('unitcell-eval')
  .description('Scores generated crystals.')
  .exitOverride()
  .configureOutput({
    outputError: (text, write) => {
      const what = text
        .replace(/^error: /, '')
        .trim()
        .replace('\n', ' ')
      const fix = what.endsWith(')') ? '' : ' (see unitcell-eval --help)'
      write(`unitcell-eval: error: ${what}${fix}\n`)
    },
  })

program
  .command('metrics')
  .description('accuracy, similarity and validity of generated crystals, in percent')
  .argument('<file>', 'JSON Lines, plain or gzip, - for standard input: {generated_species, true_species?, ...}')
  .option('--json', 'print one JSON object')
  .addHelpText(
    'after',
    `
generated_species and true_species are lists of element symbols, site by site; null is an unfilled site, and counts as
wrong and invalid. Accuracy: mean over crystals of the fraction of sites with the true element. Similarity: the same
with nine classes of elements. Validity: SMACT. Lines without true_species count for validity only.`,
  )
  .action(async (file: string, { json = false }: { json?: boolean }) => {
    const crystals: GeneratedCrystal[] = []
    for await (const crystal of readGenerated(file)) crystals.push(crystal)
    if (crystals.length === 0) {
      const fix = 'give one generated crystal a line'
      throw new CrystalError('no_sites', `${file === '-' ? 'standard input' : file} holds no crystals`, fix)
    }
    const score = scoreCrystals(crystals)
    process.stdout.write(`${json ? JSON.stringify(scoreRecord(score)) : scoreTable(score)}\n`)
  })

try {
  await program.parseAsync()
} catch (error) {
  if (error instanceof CommanderError) {
    process.exitCode = error.exitCode
  } else if (error instanceof CrystalError) {
    process.stderr.write(`unitcell-eval: error: ${error.message}\n`)
    process.exitCode = 1
  } else {
    throw error
  }
}
