export * from './cases.js'
export * from './check.js'
export * from './vectors.js'
