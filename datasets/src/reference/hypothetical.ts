import type { LatticeConstants, PrototypeName } from './prototypes.js'
import { ionicRadius, tetrahedralRadius, type Ion } from './radii.js'

/** A filling of a prototype, with its lattice constants. */
export interface Filling {
  readonly prototype: PrototypeName
  /** Symbols by role. */
  readonly elements: readonly string[]
  readonly constants: LatticeConstants
  /** Tells it from another filling of the same prototype by the same elements. */
  readonly variant?: string
}

const ions = (symbols: string, charge: number): Ion[] => symbols.split(' ').map((element) => ({ element, charge }))

const halides = ions('F Cl Br I', -1)
const hydride = ions('H', -1)
const oxide = ions('O', -2)
const chalcogenides = ions('O S Se Te', -2)
const pnictides = ions('N P As Sb Bi', -3)
const monovalent = ions('Li Na K Rb Cs Cu Ag Tl', 1)
const divalent = ions('Be Mg Ca Sr Ba Zn Cd Hg Pb Sn Ge', 2)

/** From bond length to the lattice constant of a face-centred cell whose tetrahedra it spans. */
const tetrahedral = 4 / Math.sqrt(3)

/** All pairs, triples, ... of one member of each list. */
function product<T>(...lists: readonly (readonly T[])[]): T[][] {
  return lists.reduce<T[][]>((tuples, list) => tuples.flatMap((tuple) => list.map((item) => [...tuple, item])), [[]])
}

const between = (value: number, least: number, most: number) => value >= least && value <= most

const bond = (cation: Ion, coordination: number, anion: Ion) =>
  ionicRadius(cation, coordination) + ionicRadius(anion, 6)

/** Ratio of the radii of cation, at a coordination number, and anion. */
const ratio = (cation: Ion, coordination: number, anion: Ion) =>
  ionicRadius(cation, coordination) / ionicRadius(anion, 6)

const filling = (prototype: PrototypeName, roles: readonly Ion[], constants: LatticeConstants): Filling => ({
  prototype,
  elements: roles.map(({ element }) => element),
  constants,
})

/** Two elements, ionic, at a cation's coordination number and within limits of the radius ratio. */
interface IonicBinary {
  readonly prototype: PrototypeName
  readonly pairs: readonly (readonly Ion[])[]
  readonly coordination: number
  readonly ratios: readonly [number, number]
  /** Lattice constants from the bond length, angstrom. */
  readonly constants: (bond: number) => LatticeConstants
  readonly anionFirst?: true
}

const octahedralLayer = (d: number) => ({ a: Math.SQRT2 * d, c: (4 * d) / Math.sqrt(3), u: 0.25 })

/**
 * Limits are those that the radius-ratio rules draw around each coordination, made wide: hypothetical crystals are to
 * be plausible, not stable.
 */
const ionicBinaries: readonly IonicBinary[] = [
  {
    prototype: 'rocksalt',
    pairs: [
      ...product(monovalent, [...halides, ...hydride]),
      ...product(divalent, chalcogenides),
      ...product(ions('B Al Ga In Sc Y La Bi', 3), pnictides),
    ],
    coordination: 6,
    ratios: [0.15, 1.35],
    constants: (d) => ({ a: 2 * d }),
  },
  {
    prototype: 'zincblende',
    pairs: [
      ...product(ions('Li Na K Rb Tl', 1), [...halides, ...hydride]),
      ...product(ions('Ca Sr Ba Pb Sn', 2), chalcogenides),
      ...product(ions('Sc Y La', 3), pnictides),
    ],
    coordination: 4,
    ratios: [0.15, 1.3],
    constants: (d) => ({ a: tetrahedral * d }),
  },
  {
    prototype: 'CsCl',
    pairs: [
      ...product(monovalent, [...halides, ...hydride]),
      ...product(divalent, chalcogenides),
      ...product(ions('B Al Ga In Sc Y', 3), pnictides.slice(0, 4)),
    ],
    coordination: 8,
    ratios: [0.15, 1.45],
    constants: (d) => ({ a: (2 / Math.sqrt(3)) * d }),
  },
  {
    prototype: 'NiAs',
    pairs: product(ions('Mg Ca Sr Ba Zn Cd', 2), chalcogenides),
    coordination: 6,
    ratios: [0.3, 1.0],
    constants: octahedralLayer,
  },
  {
    prototype: 'fluorite',
    pairs: [
      ...product(divalent, [...halides, ...hydride]),
      ...product(ions('Si Ge Zr Hf Ce Ti Sn Pb', 4), chalcogenides.slice(0, 3)),
    ],
    coordination: 8,
    ratios: [0.2, 1.25],
    constants: (d) => ({ a: tetrahedral * d }),
  },
  {
    prototype: 'antifluorite',
    pairs: [
      ...product(ions('Li Na K Rb Cu Ag', 1), chalcogenides),
      ...product(ions('Be Mg Zn Cd', 2), ions('C Si Ge Sn Pb', -4)),
    ],
    coordination: 4,
    ratios: [0.12, 1.1],
    constants: (d) => ({ a: tetrahedral * d }),
    anionFirst: true,
  },
  ...(['CdI2', 'CdCl2'] as const).map((prototype): IonicBinary => ({
    prototype,
    pairs: [
      ...product(ions('Mg Ca Zn Cd Hg Pb Sn Ge', 2), halides.slice(1)),
      ...product(ions('Ti Zr Hf Sn Pt Pb', 4), chalcogenides.slice(1)),
    ],
    coordination: 6,
    ratios: [0.25, 0.7],
    constants: (d) =>
      prototype === 'CdI2' ? octahedralLayer(d) : { a: Math.SQRT2 * d, c: 4 * Math.sqrt(3) * d, u: 0.25 },
  })),
  {
    prototype: 'rutile',
    pairs: [
      ...product(ions('Mg Zn Cd Ca Hg', 2), [halides[0], ...hydride]),
      ...product(ions('Si Ge Sn Pb Ti Zr Hf Ce Pt', 4), oxide),
    ],
    coordination: 6,
    ratios: [0.27, 0.8],
    // Regular octahedra but for the shared edge: u and c/a of TiO2.
    constants: (d) => ({ a: d / 0.4265, c: (0.644 * d) / 0.4265, u: 0.305 }),
  },
  {
    prototype: 'cuprite',
    pairs: product(ions('Li Na Cu Ag', 1), chalcogenides.slice(0, 2)),
    coordination: 2,
    ratios: [0.2, 0.8],
    constants: (d) => ({ a: tetrahedral * d }),
    anionFirst: true,
  },
  {
    prototype: 'ReO3',
    pairs: [
      ...product(ions('B Al Ga In Tl Sc Y La Bi Sb', 3), [...halides.slice(0, 3), ...hydride]),
      ...product(ions('W Mo', 6), oxide),
    ],
    coordination: 6,
    ratios: [0.2, 0.85],
    constants: (d) => ({ a: 2 * d }),
  },
  {
    prototype: 'Li3Bi',
    pairs: product(ions('Li Na K Rb', 1), pnictides),
    coordination: 4,
    ratios: [0.2, 1.1],
    constants: (d) => ({ a: tetrahedral * d }),
    anionFirst: true,
  },
  {
    // As BiF3: with the roles of cation and anion exchanged.
    prototype: 'Li3Bi',
    pairs: product(ions('Al Ga In Sc Y La Bi', 3), [...halides.slice(0, 2), ...hydride]),
    coordination: 8,
    ratios: [0.35, 1.1],
    constants: (d) => ({ a: tetrahedral * d }),
  },
  {
    prototype: 'antiReO3',
    pairs: product(ions('Li Na K Cu Ag', 1), pnictides.slice(0, 4)),
    coordination: 2,
    ratios: [0.2, 1.1],
    constants: (d) => ({ a: 2 * d }),
    anionFirst: true,
  },
  {
    // Scaled from PbO.
    prototype: 'litharge',
    pairs: product(ions('Pb Sn Ge', 2), chalcogenides.slice(0, 3)),
    coordination: 6,
    ratios: [0.35, 0.9],
    constants: (d) => ({ a: (3.975 * d) / 2.59, c: (5.023 * d) / 2.59, u: 0.2385 }),
  },
]

function ionicBinaryFillings(): Filling[] {
  return ionicBinaries.flatMap(({ prototype, pairs, coordination, ratios, constants, anionFirst }) =>
    pairs
      .filter(([cation, anion]) => between(ratio(cation, coordination, anion), ...ratios))
      .map(([cation, anion]) => {
        const roles = anionFirst ? [anion, cation] : [cation, anion]
        return filling(prototype, roles, constants(bond(cation, coordination, anion)))
      }),
  )
}

/** Four-coordinate compounds of eight electrons per pair, from covalent radii. */
function tetrahedralFillings(): Filling[] {
  const pairs = [
    ...product(ions('B Al Ga In', 3), pnictides.slice(0, 4)),
    ...product(ions('Be Mg Zn Cd Hg', 2), chalcogenides),
    ...product(ions('Cu Ag', 1), halides),
    ...product(ions('Si Ge Sn', 4), ions('C', -4)),
    ...product(ions('Ge Sn', 4), ions('Si', -4)),
  ]
  const sheets = [...product(ions('Al Ga', 3), ions('N', -3)), ...product(ions('Be Mg Zn', 2), oxide)]
  const length = ([cation, anion]: readonly Ion[]) =>
    tetrahedralRadius(cation.element) + tetrahedralRadius(anion.element)
  return [
    ...pairs.map((pair) => filling('zincblende', pair, { a: tetrahedral * length(pair) })),
    ...pairs.map((pair) => {
      const a = Math.sqrt(8 / 3) * length(pair)
      return filling('wurtzite', pair, { a, c: Math.sqrt(8 / 3) * a, u: 0.375 })
    }),
    // Bonds shorter than tetrahedral ones by as much as those of BN; the distance of its sheets.
    ...sheets.map((pair) => filling('hex', pair, { a: Math.sqrt(3) * 0.92 * length(pair), c: 6.661 })),
  ]
}

/** Zinc blende with the ion of a metal in half of its holes: eight electrons. */
function stuffedFillings(): Filling[] {
  const triples = [
    ...product(ions('Be Mg Zn Cd', 2), ions('Mg Ca Sr', 2), ions('C Si Ge Sn', -4)),
    ...product(ions('Cu Ag', 1), ions('Li Na K', 1), chalcogenides),
    ...product(ions('Be Mg Zn Cd', 2), ions('Li Na K Cu Ag', 1), pnictides.slice(0, 4)),
    ...product(ions('B Al Ga In', 3), ions('Li Na K', 1), ions('C Si Ge Sn', -4)),
  ]
  return triples.map((triple) => {
    const [metal, stuffing, anion] = triple
    // As in LiMgN, LiMgAs and LiZnAs; a larger ion needs more.
    const stretch = ['Li', 'Cu', 'Mg'].includes(stuffing.element) ? 1.03 : 1.08
    const length = tetrahedralRadius(metal.element) + tetrahedralRadius(anion.element)
    return filling('halfheusler', triple, { a: stretch * tetrahedral * length })
  })
}

/** Fluorite with two anions, and antifluorite with two cations, ordered. The ion between them is the third role. */
function orderedFluoriteFillings(): Filling[] {
  const cations = [
    ...product([halides[0], ...hydride], halides.slice(1), ions('Mg Ca Sr Ba Zn Cd Pb Sn', 2)),
    ...product(hydride, [halides[0]], ions('Mg Ca Sr Ba Zn Cd Pb', 2)),
    ...product(oxide, halides.slice(0, 3), ions('Al Ga Sc Y La Bi In Tl', 3)),
    ...product(hydride, chalcogenides, ions('Al Ga Sc Y La Bi In', 3)),
    ...product([halides[0]], chalcogenides.slice(1, 3), ions('Al Ga Sc Y La Bi In', 3)),
    ...product([pnictides[0]], [...halides.slice(0, 3), ...hydride], ions('Ti Zr Hf Ce Si Ge Sn', 4)),
    ...product(oxide, chalcogenides.slice(1, 3), ions('Zr Hf Ce Ti Si Ge Sn', 4)),
    ...product(oxide, [pnictides[0]], ions('Nb Ta V', 5)),
  ]
  const anions = [
    ...product(ions('Li', 1), ions('Na K Rb', 1), chalcogenides),
    ...product(ions('Na', 1), ions('K Rb', 1), chalcogenides),
  ]
  const mean = (x: number, y: number) => (x + y) / 2
  return [
    ...cations.map((triple) => {
      const [first, second, cation] = triple
      return filling('halfheusler', triple, { a: tetrahedral * mean(bond(cation, 8, first), bond(cation, 8, second)) })
    }),
    ...anions.map((triple) => {
      const [first, second, anion] = triple
      return filling('halfheusler', triple, { a: tetrahedral * mean(bond(first, 4, anion), bond(second, 4, anion)) })
    }),
  ]
}

function heuslerFillings(): Filling[] {
  const triples = [
    ...product(pnictides.slice(1), ions('Na K Rb Cs', 1), ions('Li Na K Rb', 1)),
    ...product(ions('Si Ge Sn', -4), ions('Mg Zn Ca Cd', 2), ions('Li', 1)),
  ]
  return triples
    .filter(([, octahedral, corner]) => octahedral.element !== corner.element)
    .filter(([, octahedral, corner]) => ionicRadius(octahedral, 6) >= ionicRadius(corner, 6) - 0.05)
    .map((triple) => {
      const [anion, octahedral, corner] = triple
      return filling('heusler', triple, {
        a: Math.max(tetrahedral * bond(corner, 4, anion), 2 * bond(octahedral, 6, anion)),
      })
    })
}

/** Limits of Goldschmidt's tolerance factor, and of the octahedral factor r_B / r_X. */
const TOLERANCE: readonly [number, number] = [0.8, 1.1]
const OCTAHEDRAL: readonly [number, number] = [0.38, 0.95]

function perovskiteFillings(): Filling[] {
  const triples = [
    ...product(ions('Na K Rb Cs Ag Tl', 1), ions('Mg Ca Sr Zn Cd Hg Pb Sn Ge', 2), [...halides, ...hydride]),
    ...product(ions('Ca Sr Ba Pb Cd', 2), ions('Ti Zr Hf Sn Ge Si Ce Pb Pt', 4), oxide),
    ...product(ions('La Bi Y', 3), ions('Al Ga In Sc', 3), oxide),
    ...product(ions('Na K Rb Ag Tl', 1), ions('Nb Ta V Sb I', 5), oxide),
    ...product(ions('Ca Sr Ba', 2), ions('Ti Zr Hf Sn', 4), ions('S', -2)),
    ...product(ions('Sr Ba Ca', 2), ions('Li', 1), [halides[0], ...hydride]),
  ]
  return triples
    .filter(([a, b, x]) => between(bond(a, 12, x) / (Math.SQRT2 * bond(b, 6, x)), ...TOLERANCE))
    .filter(([, b, x]) => between(ratio(b, 6, x), ...OCTAHEDRAL))
    .map((triple) => filling('perovskite', triple, { a: 2 * bond(triple[1], 6, triple[2]) }))
}

function antiperovskiteFillings(): Filling[] {
  const triples = [
    ...product(halides.slice(1), ions('O S', -2), ions('Li Na K', 1)),
    ...product(pnictides.slice(1), ions('N', -3), ions('Mg Ca Sr Ba', 2)),
    ...product(ions('Si Ge Sn Pb', -4), oxide, ions('Ca Sr Ba', 2)),
  ]
  return triples.map((triple) => {
    const [, centre, cation] = triple
    // Two-coordinate cations are a little smaller: as in Li3OCl and Ca3NBi.
    return filling('antiperovskite', triple, { a: 2 * 0.97 * bond(cation, 4, centre) })
  })
}

function layeredFillings(): Filling[] {
  const triples = product(ions('Li Na K Rb Ag', 1), ions('Al Ga In Sc Y La Bi', 3), chalcogenides.slice(0, 3))
  return triples
    .filter(([a, b, x]) => between(ratio(b, 6, x), 0.27, 0.75) && between(ratio(a, 6, x), 0.38, 1.0))
    .map((triple) => {
      const [first, second] = [bond(triple[0], 6, triple[2]), bond(triple[1], 6, triple[2])]
      // Weights as in LiCoO2 and NaFeO2: the cation of higher charge gives way less.
      const a = Math.SQRT2 * (0.23 * first + 0.77 * second)
      const halfHeight = (d: number) => Math.sqrt(d ** 2 - a ** 2 / 3)
      const c = 6 * (halfHeight(first) + halfHeight(second))
      return filling('NaFeO2', triple, { a, c, u: 1 / 6 + halfHeight(second) / c })
    })
}

/** Scaled from Mg3Sb2. */
function calciumAluminiumSilicideFillings(): Filling[] {
  const size = ([octahedral, corner, anion]: readonly Ion[]) => bond(octahedral, 6, anion) + bond(corner, 4, anion)
  const [magnesium] = ions('Mg', 2)
  const known = size([magnesium, magnesium, pnictides[3]])
  return product(ions('Mg Ca Sr Ba', 2), ions('Be Mg Zn Cd', 2), pnictides.slice(0, 4))
    .filter(([octahedral, corner]) => ionicRadius(octahedral, 6) > ionicRadius(corner, 6) - 0.1)
    .map((triple) => {
      const scale = size(triple) / known
      return filling('CaAl2Si2', triple, { a: 4.568 * scale, c: 7.229 * scale, u: 0.634, v: 0.2287 })
    })
}

/** Scaled from BaFCl. */
function matlockiteFillings(): Filling[] {
  const size = ([cation, small, large]: readonly Ion[]) => bond(cation, 8, small) + bond(cation, 8, large)
  const known = size([...ions('Ba', 2), halides[0], halides[1]])
  const triples = [
    ...product(ions('Ca Sr Ba Pb', 2), [halides[0], ...hydride], halides.slice(1, 3)),
    ...product(ions('La Y Bi', 3), oxide, [halides[0], halides[1]]),
  ]
  return triples.map((triple) => {
    const scale = size(triple) / known
    return filling('matlockite', triple, { a: 4.394 * scale, c: 7.225 * scale, u: 0.205, v: 0.6472 })
  })
}

/** All fillings of the prototypes that radii and charges make plausible, prototype after prototype. */
export function hypotheticalFillings(): Filling[] {
  return [
    ...ionicBinaryFillings(),
    ...tetrahedralFillings(),
    ...stuffedFillings(),
    ...orderedFluoriteFillings(),
    ...heuslerFillings(),
    ...perovskiteFillings(),
    ...antiperovskiteFillings(),
    ...layeredFillings(),
    ...calciumAluminiumSilicideFillings(),
    ...matlockiteFillings(),
  ].filter(({ elements }) => new Set(elements).size === elements.length)
}
