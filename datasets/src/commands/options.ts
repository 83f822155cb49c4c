import { Option } from 'commander'
import { CRYSTAL_FORMATS } from '../formats/read-crystals.js'
import { positiveInteger } from '../program.js'

// Options that several commands share.

export function formatOption(): Option {
  return new Option('--format <format>', 'layout of the files').choices(CRYSTAL_FORMATS).default('auto')
}

export function cellOption(): Option {
  return new Option('--cell <cell>', 'reduce to the Niggli cell, or keep the cell')
    .choices(['niggli', 'as-given'])
    .default('niggli')
}

export function threadsOption(): Option {
  return new Option('--threads <n>', 'computing threads (default: one per core)').argParser(positiveInteger)
}
