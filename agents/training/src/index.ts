export * from './agent.js'
export * from './generated-crystal.js'
export * from './play.js'
