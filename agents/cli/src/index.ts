export * from './agents.js'
