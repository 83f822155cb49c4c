export * from './assignment.js'
export * from './skeleton-index.js'
