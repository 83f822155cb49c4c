export * from './backend.js'
export * from './tfjs-q-network.js'
