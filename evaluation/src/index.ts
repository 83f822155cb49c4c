export * from './metrics/generated-crystals.js'
export * from './metrics/score.js'
export * from './metrics/score-table.js'
