import { setImmediate } from 'node:timers/promises'
import { Command } from 'commander'
import { CrystalDataSet } from '../store/data-set.js'
import { DataSetError } from '../store/data-set-error.js'
import { verifyDataSet, type Finding } from '../verify/verify.js'

const SHOWN_IDS = 5

export function verifyCommand(): Command {
  return new Command('verify')
    .description('check hashes, graphs, labels and duplicates of a data set')
    .argument('<dir>', 'a data-set folder, or `builtin`')
    .option('--strict', 'take warnings as errors')
    .option('--json', 'print JSON')
    .action(runVerify)
}

async function runVerify(folder: string, { strict, json }: { strict?: true; json?: true }): Promise<void> {
  const dataSet = await CrystalDataSet.open(folder)
  const onCheck = (what: string) => {
    if (process.stderr.isTTY) console.error(`checking ${what}`)
    return setImmediate()
  }
  const findings = await verifyDataSet(dataSet, { onCheck })
  const errors = findings.filter(({ level }) => strict || level === 'error').length
  const { name, hash } = dataSet
  if (json) console.log(JSON.stringify({ name, hash, ok: errors === 0, findings }))
  else console.log([...findings.map(describe), summary(name, findings)].join('\n'))
  if (errors > 0) {
    const what = `${folder} is not sound: ${errors} ${errors === 1 ? 'error' : 'errors'}, first: ${findings.find(({ level }) => strict || level === 'error')!.message.replace(/ \([^()]*\)$/, '')}`
    throw new DataSetError('not_sound', what, 'copy or import the data set again, or mend its source')
  }
}

function describe({ level, code, crystals, message }: Finding): string {
  const ids = crystals.slice(0, SHOWN_IDS).join(', ') + (crystals.length > SHOWN_IDS ? ', ...' : '')
  return `${level}: ${code}: ${message}${ids === '' ? '' : ` [${ids}]`}`
}

function summary(name: string, findings: readonly Finding[]): string {
  const count = (level: Finding['level']) => findings.filter((finding) => finding.level === level).length
  return `${name}: ${count('error')} errors, ${count('warning')} warnings`
}
