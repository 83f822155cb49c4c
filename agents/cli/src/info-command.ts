import { readMetrics, readPolicy, RunFolder } from '@unitcell/training'
import { parameterLayout } from '@unitcell/network'
import { Command } from 'commander'

/** `unitcell-agent info`: what a training run's folder holds. */
export function infoCommand(): Command {
  return new Command('info')
    .description('say what the folder of a training run holds')
    .argument('<dir>', 'folder that `unitcell-agent train --out` wrote')
    .option('--json', 'print it as JSON')
    .action(info)
}

async function info(dir: string, { json }: { readonly json?: boolean }): Promise<void> {
  const { header } = await readPolicy(new RunFolder(dir).file('policy'))
  const lastStep = readMetrics(dir).at(-1)?.step ?? header.step
  const { agent, config, architecture, dataset, step, score } = header
  const parameters = parameterLayout(architecture).size
  if (json) {
    console.log(JSON.stringify({ agent, dataset, step, last_step: lastStep, score, parameters, config, architecture }))
    return
  }
  console.log(`${agent}, preset ${config.preset}, seed ${config.seed}: ${parameters} parameters`)
  console.log(`learnt from ${dataset.name}, hash ${dataset.hash.slice(0, 16)}`)
  console.log(`best policy at step ${step} of ${config.steps} (${lastStep} made)`)
  if (score !== null) {
    const parts = Object.entries(score).map(([name, percent]) => `${name} ${(percent as number).toFixed(2)} %`)
    console.log(`val, greedy: ${parts.join(', ')}`)
  }
  console.log(`config: ${JSON.stringify(config)}`)
}
