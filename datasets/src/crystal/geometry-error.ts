/** Every way in which the geometry of a crystal can fail to be computed. */
export type GeometryErrorCode =
  /** The lattice has no volume, or a number of the cell is not finite. */
  | 'invalid_lattice'
  /** A fractional coordinate is not finite, or the arrays do not fit together. */
  | 'invalid_sites'
  /** Two sites lie on each other. */
  | 'coincident_sites'
  /** More sites, or coordinates further from the home cell, than a graph can index. */
  | 'crystal_too_large'
  /** The Niggli reduction did not settle. */
  | 'niggli_not_converged'
  /** The Voronoi cell of a site is unbounded, or does not close around it. */
  | 'voronoi_failed'
  /** The symmetry finder gave no answer, or operations that do not map the sites onto each other. */
  | 'symmetry_failed'

/** A crystal whose geometry cannot be computed; `code` says why in one word, the message also says how to mend it. */
export class GeometryError extends Error {
  readonly code: GeometryErrorCode

  constructor(code: GeometryErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'GeometryError'
    this.code = code
  }
}
