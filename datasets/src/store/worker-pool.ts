import { Worker } from 'node:worker_threads'
import { DataSetError } from './data-set-error.js'

interface Job<Task, Result> {
  readonly task: Task
  readonly resolve: (result: Result) => void
  readonly reject: (error: Error) => void
}

/**
 * Threads that all run one script, which answers each message with one message. Tasks are begun in the order of `run`;
 * each goes to the first idle thread.
 */
export class WorkerPool<Task, Result> {
  private readonly workers: Worker[]
  private readonly idle: Worker[]
  private readonly waiting: Job<Task, Result>[] = []
  private readonly running = new Map<Worker, Job<Task, Result>>()
  private closed: Error | undefined

  constructor(script: URL, threads: number) {
    this.workers = Array.from({ length: threads }, () => new Worker(script))
    this.idle = [...this.workers]
    for (const worker of this.workers) {
      worker.on('message', (result: Result) => this.finish(worker, result))
      worker.on('error', (error) => this.fail(error.message))
      worker.on('exit', (code) => this.fail(`a computing thread ended with code ${code}`))
    }
  }

  /** @throws {DataSetError} `worker_failed`: a thread broke down, or the pool was closed. */
  run(task: Task): Promise<Result> {
    return new Promise((resolve, reject) => {
      if (this.closed) return reject(this.closed)
      this.waiting.push({ task, resolve, reject })
      this.dispatch()
    })
  }

  /** Ends the threads; what is not answered yet is rejected. */
  async close(): Promise<void> {
    this.fail('the work was stopped')
    await Promise.all(this.workers.map((worker) => worker.terminate()))
  }

  private dispatch(): void {
    while (this.idle.length > 0 && this.waiting.length > 0) {
      const worker = this.idle.pop()!
      const job = this.waiting.shift()!
      this.running.set(worker, job)
      worker.postMessage(job.task)
    }
  }

  private finish(worker: Worker, result: Result): void {
    const job = this.running.get(worker)
    this.running.delete(worker)
    this.idle.push(worker)
    job?.resolve(result)
    this.dispatch()
  }

  /** After the first failure nothing more is begun. */
  private fail(message: string): void {
    if (this.closed) return
    this.closed = new DataSetError('worker_failed', message, 'run it again; with --threads 1 if it comes back')
    for (const { reject } of [...this.running.values(), ...this.waiting]) reject(this.closed)
    this.running.clear()
    this.waiting.length = 0
  }
}
