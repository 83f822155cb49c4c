export * from './crystal/elements.js'
export * from './crystal/structure.js'
export * from './graph/crystal-graph.js'
