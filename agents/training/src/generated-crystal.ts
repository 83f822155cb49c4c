/** One line of the file that `unitcell-agent run --out` writes: a crystal as an agent filled it. */
export interface GeneratedCrystal {
  /** Id of the crystal whose skeleton was filled, where the server may tell; else `<split>-<index>`. */
  readonly id: string
  readonly agent: string
  readonly dataset: string
  readonly split: string
  readonly index: number
  /** Seed of the episode. */
  readonly seed: number
  /** 3 x 3, rows are the cell vectors, angstrom. */
  readonly lattice: number[][]
  readonly frac_coords: number[][]
  /** Element symbols by site; `true_species` where the server may tell. */
  readonly generated_species: string[]
  readonly true_species: string[] | null
  readonly space_group: number
  /** Target band gap, eV. */
  readonly target: number | null
  readonly reward: number
  /** Why the crystal has no evaluation; null where it has. */
  readonly failure: { readonly class: string; readonly message: string } | null
  readonly band_gap_ev: number | null
  readonly total_energy_ry: number | null
  readonly true_band_gap_ev: number | null
  readonly true_total_energy_ry: number | null
}
