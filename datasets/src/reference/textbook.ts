import type { PrototypeName } from './prototypes.js'

/**
 * Lattice constants of textbooks and handbooks (Wyckoff, Crystal Structures; Landolt-Boernstein), rounded as found there:
 * elements by role, then a, c (angstrom), and the free coordinates u, v, as far as the prototype has them. Experimental
 * values where the structure is found in nature at some temperature or pressure.
 */
export const TEXTBOOK: Readonly<Partial<Record<PrototypeName, string>>> = {
  rocksalt: `
    Li F 4.027; Li Cl 5.13; Li Br 5.501; Li I 6; Li H 4.084; Na F 4.633; Na Cl 5.64; Na Br 5.973; Na I 6.473;
    Na H 4.88; K F 5.347; K Cl 6.293; K Br 6.6; K I 7.066; K H 5.7; Rb F 5.64; Rb Cl 6.581; Rb Br 6.854; Rb I 7.342;
    Cs F 6.014; Mg O 4.212; Mg S 5.203; Mg Se 5.451; Ca O 4.811; Ca S 5.69; Ca Se 5.92; Ca Te 6.356; Sr O 5.16;
    Sr S 6.024; Sr Se 6.236; Sr Te 6.66; Ba O 5.523; Ba S 6.386; Ba Se 6.6; Ba Te 7.001; Pb S 5.936; Pb Se 6.124;
    Pb Te 6.462; Cd O 4.695; Ag Cl 5.55; Ag Br 5.775; Sn Te 6.327; Sc N 4.501; Y N 4.877; La N 5.301; Ag F 4.936`,
  zincblende: `
    B N 3.616; B P 4.538; B As 4.777; Al P 5.464; Al As 5.661; Al Sb 6.136; Ga N 4.531; Ga P 5.451; Ga As 5.653;
    Ga Sb 6.096; In P 5.869; In As 6.058; In Sb 6.479; Zn S 5.409; Zn Se 5.668; Zn Te 6.104; Cd S 5.832; Cd Se 6.077;
    Cd Te 6.482; Hg Te 6.462; Be S 4.87; Be Se 5.137; Be Te 5.617; Si C 4.36; Cu Cl 5.416; Cu Br 5.691; Cu I 6.055;
    Ag I 6.495; Mg Te 6.42`,
  diamond: 'C 3.567; Si 5.431; Ge 5.658',
  CsCl: 'Cs Cl 4.123; Cs Br 4.291; Cs I 4.567; Tl Cl 3.834; Tl Br 3.985; Tl I 4.198',
  wurtzite: `
    Be O 2.698 4.377 0.378; Al N 3.112 4.982 0.382; Ga N 3.189 5.185 0.377; In N 3.545 5.703 0.379;
    Zn O 3.25 5.207 0.382; Zn S 3.823 6.261 0.375; Cd S 4.137 6.716 0.377; Cd Se 4.299 7.01 0.377`,
  fluorite: `
    Ca F 5.463; Sr F 5.8; Ba F 6.2; Cd F 5.388; Pb F 5.94; Sr Cl 6.977; Zr O 5.09; Hf O 5.08; Ce O 5.411; Hg F 5.54`,
  antifluorite: `
    O Li 4.619; S Li 5.708; Se Li 6.005; Te Li 6.517; O Na 5.55; S Na 6.526; Se Na 6.809; Te Na 7.314; O K 6.436;
    S K 7.391; Se K 7.676; Te K 8.152; S Rb 7.65; C Be 4.342; Si Mg 6.351; Ge Mg 6.393; Sn Mg 6.763`,
  perovskite: `
    Sr Ti O 3.905; Ba Ti O 4; Ca Ti O 3.84; Ba Zr O 4.193; Sr Zr O 4.101; K Ta O 3.989; K Nb O 4.022; K Mg F 3.989;
    K Zn F 4.055; K Ca F 4.38; Na Mg F 3.86; Ba Li F 3.996; Cs Ca F 4.526; Cs Pb Cl 5.605; Cs Pb Br 5.87;
    Cs Pb I 6.289; Cs Sn I 6.219; Cs Cd F 4.47; Rb Ca F 4.452; Ba Li H 4.023; Ba Sn O 4.117; Ba Hf O 4.171;
    Cs Hg F 4.57`,
  rutile: `
    Ti O 4.594 2.959 0.305; Sn O 4.737 3.186 0.307; Ge O 4.395 2.86 0.306; Mg F 4.621 3.052 0.303;
    Zn F 4.703 3.134 0.303; Pb O 4.955 3.383 0.308`,
  chalcopyrite: `
    Cu Ga S 5.356 10.435 0.1289; Cu Al S 5.334 10.444 0.143; Ag Ga S 5.757 10.304 0.154; Zn Si P 5.399 10.435 0.1441;
    Zn Ge P 5.465 10.771 0.1332; Mg Si P 5.721 10.095 0.167`,
  halfheusler: `
    Ti Sn Ni 5.927; Zr Sn Ni 6.113; Hf Sn Ni 6.083; Ti Sb Co 5.883; Zr Sb Co 6.068; Hf Sb Co 6.04; Nb Sn Co 5.95;
    V Sb Fe 5.802; Nb Sb Fe 5.95; Sc Sb Ni 6.055; Y Sb Ni 6.312; Mg Li N 4.97; Mg Li P 6.005; Zn Li N 4.877;
    Zn Li P 5.751; Zn Li As 5.94; Cd Li P 6.089; Mg Li As 6.18`,
  hex: 'B N 2.504 6.661',
  '2H': 'Mo S 3.16 12.294 0.621; W S 3.153 12.323 0.6225',
  CdI2: `
    Cd I 4.24 6.84 0.25; Mg Cl 3.596 5.93 0.25; Mg Br 3.81 6.26 0.25; Pb I 4.557 6.979 0.265; Zr S 3.662 5.813 0.25;
    Hf S 3.635 5.837 0.25; Sn S 3.648 5.899 0.25; Ca I 4.49 6.975 0.25`,
  CdCl2: 'Cd Cl 3.846 17.479 0.252; Mg Cl 3.636 17.666 0.2578',
  cuprite: 'O Cu 4.27; O Ag 4.728',
  ReO3: 'Sc F 4.011',
  antiReO3: 'N Cu 3.817; N Na 4.733',
  litharge: 'Pb O 3.975 5.023 0.2385; Sn O 3.802 4.836 0.2383',
  matlockite: `
    Sr F Cl 4.126 6.958 0.2015 0.6429; Ba F Cl 4.394 7.225 0.205 0.6472; Pb F Cl 4.11 7.246 0.2058 0.6497`,
  Li3Bi: 'Bi Li 6.708; Sb Li 6.572',
  heusler: 'Sb K Na 7.727; Sb Cs K 8.615',
  NaFeO2: 'Li Co O 2.816 14.054 0.2394',
  CaAl2Si2: 'Mg Mg Sb 4.568 7.229 0.634 0.2287',
}
