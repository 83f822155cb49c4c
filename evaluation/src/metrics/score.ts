import { ELEMENTS, type InvalidCode, UNFILLED, speciesValidity } from '@unitcell/datasets'

/** A generated crystal: N element indices, `UNFILLED` where the agent placed none, and what it stands for. */
export interface GeneratedCrystal {
  readonly generatedSpecies: Uint8Array
  /** N element indices of the ground truth, site by site; null where it is not known. */
  readonly trueSpecies: Uint8Array | null
}

/** Mean over crystals, in percent, and its standard error (null of fewer than two crystals). */
export interface Percentage {
  readonly percent: number
  readonly standardError: number | null
}

/** Why a generated crystal is not valid: the composition's reason, or a site without an element. */
export type InvalidReasonCode = InvalidCode | 'unfilled_sites'

/** The metrics before DFT over a set of generated crystals. */
export interface Score {
  /** Null where no ground truth is known. */
  readonly accuracy: Percentage | null
  /** Null where no ground truth is known. */
  readonly similarity: Percentage | null
  readonly validity: Percentage
  readonly crystals: number
  /** Crystals with a known ground truth: those that accuracy, similarity and exact matches are about. */
  readonly crystalsWithTruth: number
  /** Sites of all crystals. */
  readonly sites: number
  /** Crystals with the true element on every site. */
  readonly exactMatches: number
  /** Crystals with at least one unfilled site; they count as invalid. */
  readonly unfilledCrystals: number
  /** Invalid crystals by reason, most frequent first. */
  readonly invalidReasons: Readonly<Partial<Record<InvalidReasonCode, number>>>
}

/** Fraction of sites with the true element. */
export function siteAccuracy(truth: Uint8Array, generated: Uint8Array): number {
  return fractionOfSites(truth, generated, (a, b) => a === b)
}

/** Fraction of sites whose element is of the true element's class (`ELEMENT_CLASSES`). */
export function siteSimilarity(truth: Uint8Array, generated: Uint8Array): number {
  return fractionOfSites(truth, generated, (a, b) => ELEMENTS[a].elementClass === ELEMENTS[b].elementClass)
}

/**
 * Score of a set of generated crystals, by the paper's definitions: accuracy and similarity are means over
 * crystals of the fraction of sites, compared in the listed order; validity is SMACT's.
 * Throws RangeError on an empty set, a crystal without sites, or a truth with another number of sites.
 */
export function scoreCrystals(crystals: Iterable<GeneratedCrystal>): Score {
  const accuracies: number[] = []
  const similarities: number[] = []
  const validities: number[] = []
  const reasons = new Map<InvalidReasonCode, number>()
  let sites = 0
  for (const { trueSpecies, generatedSpecies } of crystals) {
    if (generatedSpecies.length === 0) throw new RangeError('a generated crystal has no sites')
    sites += generatedSpecies.length
    if (trueSpecies !== null) {
      accuracies.push(siteAccuracy(trueSpecies, generatedSpecies))
      similarities.push(siteSimilarity(trueSpecies, generatedSpecies))
    }
    const reason = invalidReason(generatedSpecies)
    validities.push(reason === null ? 1 : 0)
    if (reason !== null) reasons.set(reason, (reasons.get(reason) ?? 0) + 1)
  }
  if (validities.length === 0) throw new RangeError('there are no generated crystals to score')
  return {
    accuracy: accuracies.length === 0 ? null : percentage(accuracies),
    similarity: similarities.length === 0 ? null : percentage(similarities),
    validity: percentage(validities),
    crystals: validities.length,
    crystalsWithTruth: accuracies.length,
    sites,
    exactMatches: accuracies.filter((fraction) => fraction === 1).length,
    unfilledCrystals: reasons.get('unfilled_sites') ?? 0,
    invalidReasons: Object.fromEntries([...reasons].sort(([, a], [, b]) => b - a)),
  }
}

/** A score as the plain object of `unitcell-eval metrics --json`: percentages, snake_case. */
export function scoreRecord(score: Score) {
  return {
    accuracy: score.accuracy?.percent ?? null,
    accuracy_stderr: score.accuracy?.standardError ?? null,
    similarity: score.similarity?.percent ?? null,
    similarity_stderr: score.similarity?.standardError ?? null,
    validity: score.validity.percent,
    validity_stderr: score.validity.standardError,
    crystals: score.crystals,
    crystals_with_truth: score.crystalsWithTruth,
    sites: score.sites,
    exact_matches: score.exactMatches,
    unfilled_crystals: score.unfilledCrystals,
    invalid_reasons: score.invalidReasons,
  }
}

function invalidReason(species: Uint8Array): InvalidReasonCode | null {
  return species.includes(UNFILLED) ? 'unfilled_sites' : (speciesValidity(species).reason?.code ?? null)
}

function fractionOfSites(truth: Uint8Array, generated: Uint8Array, agree: (a: number, b: number) => boolean): number {
  if (truth.length !== generated.length || truth.length === 0) {
    throw new RangeError(`${generated.length} generated sites cannot be compared with ${truth.length} true ones`)
  }
  let equal = 0
  for (let site = 0; site < truth.length; site++) {
    if (generated[site] !== UNFILLED && agree(truth[site], generated[site])) equal++
  }
  return equal / truth.length
}

function percentage(fractions: readonly number[]): Percentage {
  const n = fractions.length
  const mean = fractions.reduce((sum, fraction) => sum + fraction, 0) / n
  const squares = fractions.reduce((sum, fraction) => sum + (fraction - mean) ** 2, 0)
  return { percent: 100 * mean, standardError: n < 2 ? null : 100 * Math.sqrt(squares / (n - 1) / n) }
}
