import { CrystalError } from '@unitcell/datasets'
import { Command } from 'commander'
import { readGenerated } from '../metrics/generated-crystals.js'
import { type GeneratedCrystal, scoreCrystals, scoreRecord } from '../metrics/score.js'
import { scoreTable } from '../metrics/score-table.js'

const DEFINITIONS = `
generated_species and true_species are lists of element symbols, site by site; null is an unfilled site, and counts as
wrong and invalid. Accuracy: mean over crystals of the fraction of sites with the true element. Similarity: the same
with nine classes of elements. Validity: SMACT. Lines without true_species count for validity only.`

/** `unitcell-eval metrics`: the score of a file of generated crystals. */
export function metricsCommand(): Command {
  return new Command('metrics')
    .description('accuracy, similarity and validity of generated crystals, in percent')
    .argument('<file>', 'JSON Lines, plain or gzip, - for standard input: {generated_species, true_species?, ...}')
    .option('--json', 'print one JSON object')
    .addHelpText('after', DEFINITIONS)
    .action(metrics)
}

async function metrics(file: string, { json = false }: { json?: boolean }): Promise<void> {
  const crystals: GeneratedCrystal[] = []
  for await (const crystal of readGenerated(file)) crystals.push(crystal)
  if (crystals.length === 0) {
    const fix = 'give one generated crystal a line'
    throw new CrystalError('no_sites', `${file === '-' ? 'standard input' : file} holds no crystals`, fix)
  }
  const score = scoreCrystals(crystals)
  process.stdout.write(`${json ? JSON.stringify(scoreRecord(score)) : scoreTable(score)}\n`)
}
