export * from './mdp/reward.js'
export * from './server/server.js'
export * from './dft/index.js'
