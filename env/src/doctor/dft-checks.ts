import { realpath } from 'node:fs/promises'
import { execa } from 'execa'
import { SYMBOLS } from '@unitcell/datasets'
import { DftError, LocalLauncher, PseudopotentialSet, pseudopotentialSource } from '../dft/index.js'
import type { Check } from './check.js'

/** Whether pw.x starts, and which version it is. */
export async function checkPw(): Promise<Check> {
  const name = 'Quantum Espresso'
  try {
    return { name, status: 'ok', found: `pw.x ${await new LocalLauncher().version()}` }
  } catch (error) {
    return lack(name, error, 'apt-get install quantum-espresso')
  }
}

/** Which linear algebra pw.x is linked with: the reference implementation of Debian is several times slower than OpenBLAS. */
export async function checkLinearAlgebra(): Promise<Check | null> {
  const name = 'linear algebra'
  const which = await execa('sh', ['-c', 'ldd "$(command -v pw.x)"'], { reject: false, timeout: 10_000 })
  const linked = /(?:libblas|libopenblas|libmkl_\w+|libblis)\S* => (\S+)/.exec(which.stdout ?? '')?.[1]
  if (linked === undefined) return null
  const found = await realpath(linked)
  if (/openblas|mkl|blis|atlas/i.test(found)) return { name, status: 'ok', found }
  const fix = 'apt-get install libopenblas0-serial makes large crystals several times faster, with the same results'
  return { name, status: 'optional', found: `${found}, the slow reference implementation`, fix }
}

/** Which of the elements have a pseudopotential of the configured kind. */
export async function checkPseudopotentials(source: string): Promise<Check> {
  const name = 'pseudopotentials'
  try {
    const { elements } = await PseudopotentialSet.load(pseudopotentialSource(source))
    const without = SYMBOLS.filter((symbol) => !elements.includes(symbol))
    const of = source === 'gth' ? 'GTH-PBE of cp2k-data' : source
    const found = `${of}: ${elements.length} of the ${SYMBOLS.length} elements`
    if (without.length === 0) return { name, status: 'ok', found }
    const fix = `crystals with ${without.join(' ')} fail with missing_pseudopotential; a folder that has them: --pseudo DIR`
    return { name, status: 'optional', found, fix }
  } catch (error) {
    return lack(name, error, 'apt-get install cp2k-data, or --pseudo DIR with a folder of UPF files')
  }
}

/** Whether a SLURM cluster answers here. */
export async function checkSlurm(): Promise<Check> {
  const name = 'SLURM'
  const answer = await execa('sinfo', ['--noheader', '--format=%P %D %T'], { reject: false, timeout: 10_000 })
  if (answer.failed) {
    const absent = answer.code === 'ENOENT'
    const found = absent ? 'no sinfo on the search path' : `sinfo: ${answer.stderr?.split('\n')[0] ?? answer.message}`
    const fix = absent
      ? 'for runs on a cluster only: apt-get install slurm-client, and the cluster’s slurm.conf'
      : 'for runs on a cluster only: start its controller, or name its slurm.conf by $SLURM_CONF'
    return { name, status: 'optional', found, fix }
  }
  const partitions = answer.stdout.split('\n').filter((line) => line !== '')
  return { name, status: 'ok', found: `partitions, nodes, states: ${partitions.join('; ') || 'none'}` }
}

function lack(name: string, error: unknown, fix: string): Check {
  if (!(error instanceof DftError)) throw error
  // The fix says in full what the message has in brackets.
  return { name, status: 'missing', found: error.message.replace(/ \([^()]*\)$/, ''), fix }
}
