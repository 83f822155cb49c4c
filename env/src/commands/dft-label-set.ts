import { Command } from 'commander'
import { recordedForm } from '../rewards/recorded-label-set.js'
import { addDftOptions, createRunner, type DftSettings } from './dft-options.js'

/** `unitcell-env dft label-set`: how labels come to be under these settings, as data sets state it. */
export function dftLabelSetCommand(): Command {
  const command = new Command('label-set').description(
    'print the label set of these settings: what `unitcell-data import --label-set` takes',
  )
  return addDftOptions(command).action(async (settings: DftSettings) => {
    const { labelSet } = await createRunner(settings)
    console.log(JSON.stringify(recordedForm(labelSet), null, 1))
  })
}
