import { basename } from 'node:path'
import {
  SYMBOLS,
  cellVolume,
  elementIndex,
  positiveInteger,
  readCrystals,
  writeText,
  type Crystal,
} from '@unitcell/datasets'
import { Command, InvalidArgumentError, Option } from 'commander'
import { computeCrystals } from '../dft-batch/compute.js'
import { checkIds } from '../dft-batch/known-results.js'
import { leftOutText, verificationReport, type Verification } from '../dft-batch/verification-report.js'
import { compare, reasonToLeaveOut, summarize, type Comparison } from '../dft-batch/verification.js'
import { DftError, PROFILE_NAMES, type DftRunner } from '../dft/index.js'
import { addDftOptions, createRunner, positiveNumber, type DftSettings } from './dft-options.js'

interface VerifyOptions extends DftSettings {
  readonly labels: string
  readonly maxSites: number
  readonly exclude?: ReadonlySet<string>
  readonly limit?: number
  readonly energyTolerance: number
  readonly gapTolerance: number
  readonly beside?: string
  readonly besideLimit: number
  readonly out?: string
  readonly report?: string
  readonly json?: true
}

/** `unitcell-env dft verify`: computes labelled crystals anew. */
export function dftVerifyCommand(): Command {
  const command = new Command('verify')
    .description('compute labelled crystals anew and compare energy and gap; exit code 0 if all agree')
    .requiredOption('--labels <file>', 'crystals with total_energy_ry and band_gap_ev, in any format with labels')
    .option('--max-sites <n>', 'leave out larger crystals', positiveInteger, 6)
    .option('--exclude <elements>', 'leave out crystals with one of these: Cu,La', elementSet)
    .option('--limit <n>', 'no more than the n cheapest to compute', positiveInteger)
    .option('--energy-tolerance <ry>', 'largest difference of energies', positiveNumber, 1e-5)
    .option('--gap-tolerance <ev>', 'largest difference of gaps', positiveNumber, 5e-3)
    .addOption(
      new Option('--beside <profile>', 'compute the first ones under this profile too: time beside time').choices(
        PROFILE_NAMES,
      ),
    )
    .option('--beside-limit <n>', 'how many of them', positiveInteger, 10)
  return addDftOptions(command)
    .option('--out <file>', 'keep results there; a verification that was stopped goes on')
    .option('--report <file>', 'write the comparison as a Markdown document')
    .option('--json', 'print the comparison as one JSON object')
    .action(verify)
}

async function verify(options: VerifyOptions): Promise<void> {
  const { labels, profile, energyTolerance, gapTolerance, beside, report, json } = options
  const runner = await createRunner(options)
  const { crystals, leftOut } = await labelledCrystals(runner, options)
  if (crystals.length === 0) {
    const why = leftOut.size > 0 ? `left out: ${leftOutText(leftOut)}` : 'it has no crystal'
    throw new DftError('nothing_to_verify', `${labels} has nothing to compare with (${why})`)
  }
  const comparisons = await comparisonsOf(runner, crystals, options, options.out)
  const baseline =
    beside === undefined
      ? null
      : {
          profile: beside,
          comparisons: await comparisonsOf(
            await createRunner(options, beside),
            crystals.slice(0, options.besideLimit),
            options,
            options.out && `${options.out}.${beside}`,
          ),
        }
  const summary = summarize(comparisons)
  const verification: Verification = {
    labels: basename(labels),
    profile,
    pwVersion: runner.labelSet.codeVersion,
    pseudopotentials: options.pseudo === 'gth' ? 'the set GTH-PBE' : `the folder ${basename(options.pseudo)}`,
    limits: { energyRy: energyTolerance, gapEv: gapTolerance },
    comparisons,
    summary,
    leftOut,
    baseline,
  }
  if (report !== undefined) await writeText(report, verificationReport(verification))
  if (json) console.log(JSON.stringify({ ...verification, leftOut: Object.fromEntries(leftOut) }))
  else console.log(verificationReport(verification))
  if (summary.agreeing < summary.compared) {
    console.error(
      `unitcell-env: ${summary.compared - summary.agreeing} of ${summary.compared} labels are not confirmed`,
    )
    process.exitCode = 1
  }
}

async function labelledCrystals(
  runner: DftRunner,
  { labels, maxSites, exclude = new Set(), limit = Infinity }: VerifyOptions,
): Promise<{ crystals: Crystal[]; leftOut: Map<string, number> }> {
  const crystals: Crystal[] = []
  const leftOut = new Map<string, number>()
  for await (const row of readCrystals(labels)) {
    const reason = 'error' in row ? 'unreadable' : reasonOf(row.crystal)
    if (reason === null && 'crystal' in row) crystals.push(row.crystal)
    else if (reason !== null) leftOut.set(reason, (leftOut.get(reason) ?? 0) + 1)
  }
  checkIds(crystals, labels)
  crystals.sort((a, b) => effort(a) - effort(b))
  if (crystals.length > limit) leftOut.set('costlier', crystals.length - limit)
  return { crystals: crystals.slice(0, limit), leftOut }

  /** Plane waves times bands squared: what orthogonalisation costs. */
  function effort({ structure }: Crystal): number {
    return cellVolume(structure.lattice) * runner.electrons(structure)! ** 2
  }

  function reasonOf(crystal: Crystal): string | null {
    const symbols = [...new Set(crystal.structure.species)].map((element) => SYMBOLS[element])
    const electrons = runner.electrons(crystal.structure)
    return reasonToLeaveOut(crystal, { maxSites, excluded: exclude }, symbols, electrons)
  }
}

/** In the order of the crystals. */
async function comparisonsOf(
  runner: DftRunner,
  crystals: readonly Crystal[],
  { slots, timeLimit, energyTolerance, gapTolerance }: VerifyOptions,
  file: string | undefined,
): Promise<Comparison[]> {
  const limits = { energyRy: energyTolerance, gapEv: gapTolerance }
  const byId = new Map(crystals.map((crystal) => [crystal.id, crystal]))
  const comparisons = new Map<string, Comparison>()
  await computeCrystals(runner, crystals, {
    slots,
    timeLimitSeconds: timeLimit,
    file,
    tryAgain: ({ failure }) => failure !== null && !failure.deterministic,
    onRecord: (record) => comparisons.set(record.id, compare(byId.get(record.id)!, record, limits)),
    label: 'verify',
  })
  return crystals.flatMap(({ id }) => comparisons.get(id) ?? [])
}

function elementSet(text: string): ReadonlySet<string> {
  const symbols = text.split(',').map((symbol) => symbol.trim())
  const unknown = symbols.filter((symbol) => elementIndex(symbol) === undefined)
  if (unknown.length === 0) return new Set(symbols)
  throw new InvalidArgumentError(`No element ${unknown.join(', ')}; give symbols with commas between them.`)
}
