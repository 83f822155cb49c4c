import { SYMBOLS } from '../crystal/elements.js'
import { cellVolume } from '../crystal/lattice.js'
import type { Structure } from '../crystal/structure.js'

/** Valence electrons in the pseudopotentials of the two label sets: SSSP, then GTH-PBE of the smallest valence. */
const VALENCE_ELECTRONS = new Map(
  `H 1 1; Li 3 3; Be 4 4; B 3 3; C 4 4; N 5 5; O 6 6; F 7 7; Na 9 9; Mg 2 2; Al 3 3; Si 4 4; P 5 5; S 6 6; Cl 7 7; K 9 9;
  Ca 10 10; Sc 11 11; Ti 12 12; V 13 13; Fe 16 16; Co 17 17; Ni 18 18; Cu 19 11; Zn 20 12; Ga 13 3; Ge 14 4; As 5 5;
  Se 6 6; Br 7 7; Rb 9 9; Sr 10 10; Y 11 11; Zr 12 12; Nb 13 13; Mo 14 14; Ag 19 11; Cd 12 12; In 13 3; Sn 14 4;
  Sb 15 5; Te 6 6; I 7 7; Cs 9 9; Ba 10 10; La 11 11; Ce 12 12; Hf 12 12; Ta 13 5; W 14 6; Pt 16 10; Hg 20 12; Tl 13 3;
  Pb 14 4; Bi 15 5`
    .split(';')
    .map((row) => row.trim().split(' '))
    .map(([symbol, sssp, gth]) => [symbol, { sssp: Number(sssp), gth: Number(gth) }]),
)

/** CPU seconds per cubic angstrom, k-point, iteration and band, measured on crystals of all prototypes. */
const SECONDS_SSSP = 0.085e-3
const SECONDS_GTH = 0.19e-3
/** The SSSP files of these are that much dearer than others. */
const DEAR = { elements: ['La', 'Ce'], factor: 3 }
/** Iterations to convergence, without and with semicore or d electrons in the valence. */
const ITERATIONS = { few: 6.5, many: 10 }

/** Estimated CPU seconds of a crystal's two calculations: k-points (fewer where symmetry is high), bands, plane waves. */
export function effortSeconds({ species, lattice }: Structure, spaceGroup: number): number {
  const symbols = Array.from(species, (element) => SYMBOLS[element])
  const kPoints = spaceGroup >= 195 ? 4 : spaceGroup === 164 ? 7 : 6.5
  const bands = (set: 'sssp' | 'gth') =>
    Math.ceil(symbols.reduce((sum, symbol) => sum + VALENCE_ELECTRONS.get(symbol)![set], 0) / 2) + 8
  const isSlow = (symbol: string) => VALENCE_ELECTRONS.get(symbol)!.gth >= 10 && !['Ca', 'Sr', 'Ba'].includes(symbol)
  const work = cellVolume(lattice) * kPoints * (symbols.some(isSlow) ? ITERATIONS.many : ITERATIONS.few)
  const dear = symbols.some((symbol) => DEAR.elements.includes(symbol)) ? DEAR.factor : 1
  return work * (bands('sssp') * SECONDS_SSSP * dear + bands('gth') * SECONDS_GTH)
}
