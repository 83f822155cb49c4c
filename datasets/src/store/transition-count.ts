/** Breadth-first sources per crystal in the paper's data: the sites 0..min(5, N) - 1. */
export const PAPER_SOURCES = 5

/**
 * Steps that a crystal of N sites gives to the paper's data: N for each of its min(5, N) sources, none if its graph
 * falls into parts (the paper drops those).
 */
export function transitionCount(siteCount: number, connected: boolean): number {
  return connected ? siteCount * Math.min(PAPER_SOURCES, siteCount) : 0
}
