export * from './assignment.js'
export * from './index-file.js'
export * from './similar-crystals.js'
export * from './skeleton-index.js'
