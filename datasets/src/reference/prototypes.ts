/**
 * The structure types of the reference set: where the atoms are, given the lattice constants. Cells are primitive; which
 * element stands on which kind of site is said by its role 0, 1, 2.
 */

/** Lattice constants: a, c (angstrom) and the free coordinate, as far as the prototype has them. */
export interface LatticeConstants {
  readonly a: number
  readonly c?: number
  /** The free coordinate of a site, where symmetry leaves one; for `matlockite` that of the cation. */
  readonly u?: number
  /** A second free coordinate. */
  readonly v?: number
}

/** Cell vectors as rows, angstrom, and sites with their role and fractional coordinates. */
export interface PrototypeCell {
  readonly lattice: readonly (readonly number[])[]
  readonly sites: readonly { readonly role: number; readonly position: readonly number[] }[]
}

export interface Prototype {
  /** International number of the space group where the roles have different elements. */
  readonly spaceGroup: number
  /** How many elements it takes. */
  readonly roles: number
  readonly cell: (constants: Required<LatticeConstants>) => PrototypeCell
}

const faceCentred = (a: number) => [
  [0, a / 2, a / 2],
  [a / 2, 0, a / 2],
  [a / 2, a / 2, 0],
]
const tetragonal = (a: number, c: number) => [
  [a, 0, 0],
  [0, a, 0],
  [0, 0, c],
]
const hexagonal = (a: number, c: number) => [
  [a, 0, 0],
  [-a / 2, (a * Math.sqrt(3)) / 2, 0],
  [0, 0, c],
]
/** Primitive cell of the rhombohedral lattice whose hexagonal constants are a and c; positions [z, z, z] are on its axis. */
const rhombohedral = (a: number, c: number) => [
  [a / 2, -a / (2 * Math.sqrt(3)), c / 3],
  [0, a / Math.sqrt(3), c / 3],
  [-a / 2, -a / (2 * Math.sqrt(3)), c / 3],
]
const cubic = (a: number) => tetragonal(a, a)
const axial = (role: number, z: number) => ({ role, position: [z, z, z] })
const at = (role: number, x: number, y: number, z: number) => ({ role, position: [x, y, z] })
const [third, twoThirds] = [1 / 3, 2 / 3]

/** Prototypes by name. The order of roles is that of the sites unless said otherwise. */
export const PROTOTYPES = {
  rocksalt: {
    spaceGroup: 225,
    roles: 2,
    cell: ({ a }) => ({ lattice: faceCentred(a), sites: [axial(0, 0), axial(1, 0.5)] }),
  },
  zincblende: {
    spaceGroup: 216,
    roles: 2,
    cell: ({ a }) => ({ lattice: faceCentred(a), sites: [axial(0, 0), axial(1, 0.25)] }),
  },
  diamond: {
    spaceGroup: 227,
    roles: 1,
    cell: ({ a }) => ({ lattice: faceCentred(a), sites: [axial(0, 0), axial(0, 0.25)] }),
  },
  CsCl: {
    spaceGroup: 221,
    roles: 2,
    cell: ({ a }) => ({ lattice: cubic(a), sites: [axial(0, 0), axial(1, 0.5)] }),
  },
  wurtzite: {
    spaceGroup: 186,
    roles: 2,
    cell: ({ a, c, u }) => ({
      lattice: hexagonal(a, c),
      sites: [
        at(0, third, twoThirds, 0),
        at(0, twoThirds, third, 0.5),
        at(1, third, twoThirds, u),
        at(1, twoThirds, third, u + 0.5),
      ],
    }),
  },
  NiAs: {
    spaceGroup: 194,
    roles: 2,
    cell: ({ a, c }) => ({
      lattice: hexagonal(a, c),
      sites: [at(0, 0, 0, 0), at(0, 0, 0, 0.5), at(1, third, twoThirds, 0.25), at(1, twoThirds, third, 0.75)],
    }),
  },
  /** Flat sheets like those of graphite, unlike atoms above each other. */
  hex: {
    spaceGroup: 194,
    roles: 2,
    cell: ({ a, c }) => ({
      lattice: hexagonal(a, c),
      sites: [
        at(0, third, twoThirds, 0.25),
        at(0, twoThirds, third, 0.75),
        at(1, twoThirds, third, 0.25),
        at(1, third, twoThirds, 0.75),
      ],
    }),
  },
  litharge: {
    spaceGroup: 129,
    roles: 2,
    cell: ({ a, c, u }) => ({
      lattice: tetragonal(a, c),
      sites: [at(0, 0, 0.5, u), at(0, 0.5, 0, 1 - u), at(1, 0, 0, 0), at(1, 0.5, 0.5, 0)],
    }),
  },
  /** Roles: cation, anion. */
  fluorite: {
    spaceGroup: 225,
    roles: 2,
    cell: ({ a }) => ({ lattice: faceCentred(a), sites: [axial(0, 0), axial(1, 0.25), axial(1, 0.75)] }),
  },
  /** Roles: anion, cation. */
  antifluorite: {
    spaceGroup: 225,
    roles: 2,
    cell: ({ a }) => ({ lattice: faceCentred(a), sites: [axial(0, 0), axial(1, 0.25), axial(1, 0.75)] }),
  },
  CdI2: {
    spaceGroup: 164,
    roles: 2,
    cell: ({ a, c, u }) => ({
      lattice: hexagonal(a, c),
      sites: [at(0, 0, 0, 0), at(1, third, twoThirds, u), at(1, twoThirds, third, 1 - u)],
    }),
  },
  CdCl2: {
    spaceGroup: 166,
    roles: 2,
    cell: ({ a, c, u }) => ({ lattice: rhombohedral(a, c), sites: [axial(0, 0), axial(1, u), axial(1, 1 - u)] }),
  },
  '2H': {
    spaceGroup: 194,
    roles: 2,
    cell: ({ a, c, u }) => ({
      lattice: hexagonal(a, c),
      sites: [
        at(0, third, twoThirds, 0.25),
        at(0, twoThirds, third, 0.75),
        at(1, third, twoThirds, u),
        at(1, twoThirds, third, u - 0.5),
        at(1, twoThirds, third, 1 - u),
        at(1, third, twoThirds, 1.5 - u),
      ],
    }),
  },
  rutile: {
    spaceGroup: 136,
    roles: 2,
    cell: ({ a, c, u }) => ({
      lattice: tetragonal(a, c),
      sites: [
        at(0, 0, 0, 0),
        at(0, 0.5, 0.5, 0.5),
        at(1, u, u, 0),
        at(1, -u, -u, 0),
        at(1, 0.5 + u, 0.5 - u, 0.5),
        at(1, 0.5 - u, 0.5 + u, 0.5),
      ],
    }),
  },
  /** Roles: anion, cation. */
  cuprite: {
    spaceGroup: 224,
    roles: 2,
    cell: ({ a }) => ({
      lattice: cubic(a),
      sites: [
        axial(0, 0),
        axial(0, 0.5),
        axial(1, 0.25),
        at(1, 0.25, 0.75, 0.75),
        at(1, 0.75, 0.25, 0.75),
        at(1, 0.75, 0.75, 0.25),
      ],
    }),
  },
  ReO3: {
    spaceGroup: 221,
    roles: 2,
    cell: ({ a }) => ({
      lattice: cubic(a),
      sites: [axial(0, 0), at(1, 0.5, 0, 0), at(1, 0, 0.5, 0), at(1, 0, 0, 0.5)],
    }),
  },
  /** Cu3N. Roles: anion, cation. */
  antiReO3: {
    spaceGroup: 221,
    roles: 2,
    cell: ({ a }) => ({
      lattice: cubic(a),
      sites: [axial(0, 0), at(1, 0.5, 0, 0), at(1, 0, 0.5, 0), at(1, 0, 0, 0.5)],
    }),
  },
  /** Also called BiF3 and D0_3. Roles: anion, cation (on three sites). */
  Li3Bi: {
    spaceGroup: 225,
    roles: 2,
    cell: ({ a }) => ({ lattice: faceCentred(a), sites: [axial(0, 0), axial(1, 0.5), axial(1, 0.25), axial(1, 0.75)] }),
  },
  /** Full Heusler, L2_1. Roles: at the origin, at its octahedral, at its tetrahedral neighbours (two sites). */
  heusler: {
    spaceGroup: 225,
    roles: 3,
    cell: ({ a }) => ({ lattice: faceCentred(a), sites: [axial(0, 0), axial(1, 0.5), axial(2, 0.25), axial(2, 0.75)] }),
  },
  /** Half Heusler, C1_b. Roles: at the origin, at its octahedral, at half of its tetrahedral neighbours. */
  halfheusler: {
    spaceGroup: 216,
    roles: 3,
    cell: ({ a }) => ({ lattice: faceCentred(a), sites: [axial(0, 0), axial(1, 0.5), axial(2, 0.25)] }),
  },
  /** Roles: between eight octahedra, in the octahedra, their corners. */
  perovskite: {
    spaceGroup: 221,
    roles: 3,
    cell: ({ a }) => ({
      lattice: cubic(a),
      sites: [axial(0, 0), axial(1, 0.5), at(2, 0.5, 0.5, 0), at(2, 0.5, 0, 0.5), at(2, 0, 0.5, 0.5)],
    }),
  },
  /** The cells of perovskite, with the anions in and between the octahedra of cations. Roles as there. */
  antiperovskite: {
    spaceGroup: 221,
    roles: 3,
    cell: ({ a }) => ({
      lattice: cubic(a),
      sites: [axial(0, 0), axial(1, 0.5), at(2, 0.5, 0.5, 0), at(2, 0.5, 0, 0.5), at(2, 0, 0.5, 0.5)],
    }),
  },
  /** Ordered rock salt, alternate layers along [111]; `u` is the anion's height. Roles: cation 3a, cation 3b, anion. */
  NaFeO2: {
    spaceGroup: 166,
    roles: 3,
    cell: ({ a, c, u }) => ({
      lattice: rhombohedral(a, c),
      sites: [axial(0, 0), axial(1, 0.5), axial(2, u), axial(2, 1 - u)],
    }),
  },
  /** Also called La2O3. Roles: octahedral cation, tetrahedral cation (height `u`), anion (height `v`). */
  CaAl2Si2: {
    spaceGroup: 164,
    roles: 3,
    cell: ({ a, c, u, v }) => ({
      lattice: hexagonal(a, c),
      sites: [
        at(0, 0, 0, 0),
        at(1, third, twoThirds, u),
        at(1, twoThirds, third, 1 - u),
        at(2, third, twoThirds, v),
        at(2, twoThirds, third, 1 - v),
      ],
    }),
  },
  /** PbFCl. Roles: cation (height `u`), small anion, large anion (height `v`). */
  matlockite: {
    spaceGroup: 129,
    roles: 3,
    cell: ({ a, c, u, v }) => ({
      lattice: tetragonal(a, c),
      sites: [
        at(0, 0, 0.5, u),
        at(0, 0.5, 0, 1 - u),
        at(1, 0, 0, 0),
        at(1, 0.5, 0.5, 0),
        at(2, 0, 0.5, v),
        at(2, 0.5, 0, 1 - v),
      ],
    }),
  },
  chalcopyrite: {
    spaceGroup: 122,
    roles: 3,
    cell: ({ a, c, u }) => ({
      lattice: [
        [a, 0, 0],
        [0, a, 0],
        [a / 2, a / 2, c / 2],
      ],
      sites: [
        at(0, 0, 0, 0),
        at(0, 0.75, 0.25, 0.5),
        at(1, 0.5, 0.5, 0),
        at(1, 0.25, 0.75, 0.5),
        at(2, u, 0.125, 0.25),
        at(2, 0.75 - u, 0.625, 0.25),
        at(2, 0.875, 0.25 + u, 0.75),
        at(2, 0.375, 1 - u, 0.75),
      ],
    }),
  },
} as const satisfies Record<string, Prototype>

export type PrototypeName = keyof typeof PROTOTYPES
