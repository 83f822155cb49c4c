import { parentPort } from 'node:worker_threads'
import type { PrepareBatch } from './prepare-batch.js'
import { prepareBatch } from './prepare-batch.js'

// The body of a thread of WorkerPool: a batch in, its outcomes out.
parentPort?.on('message', (batch: PrepareBatch) => parentPort?.postMessage(prepareBatch(batch)))
