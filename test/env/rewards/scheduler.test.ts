import { getEventListeners } from 'node:events'
import { EvaluationCancelled, Scheduler, type Compute, type DftResult, type SchedulerProgress } from '@unitcell/env'
import { describe, expect, test } from 'vitest'

const structure = {
  lattice: Float64Array.of(3, 0, 0, 0, 3, 0, 0, 0, 3),
  fracCoords: new Float64Array(3),
  species: Uint8Array.of(3),
}

/** A calculation that runs until it is told to end. */
class Bench {
  readonly started: string[] = []
  readonly aborted: string[] = []
  readonly #finish = new Map<string, () => void>()
  readonly #report = new Map<string, (iteration: number) => void>()

  readonly compute: Compute = (_structure, { key = '', signal, onProgress }) => {
    this.started.push(key)
    this.#report.set(key, (iteration) => onProgress?.({ iteration, estimatedAccuracyRy: 0.1, elapsedSeconds: 1 }))
    return new Promise((resolve) => {
      const result = (failed: boolean) => ({ status: failed ? 'failed' : 'converged', key }) as unknown as DftResult
      this.#finish.set(key, () => resolve(result(false)))
      signal?.addEventListener('abort', () => {
        this.aborted.push(key)
        resolve(result(true))
      })
    })
  }

  /** Ends a run, and lets everything that waits for it go on. */
  async finish(key: string): Promise<void> {
    this.#finish.get(key)!()
    await settle()
  }

  report(key: string, iteration: number): void {
    this.#report.get(key)!(iteration)
  }
}

const settle = () => new Promise((resolve) => setImmediate(resolve))

function request(scheduler: Scheduler, key: string, more: Partial<Parameters<Scheduler['request']>[0]> = {}) {
  return scheduler.request({ key, structure, priority: 'bulk', ...more })
}

describe('the scheduler', () => {
  test('starts one run for each distinct crystal, however many wait for it', async () => {
    const bench = new Bench()
    const scheduler = new Scheduler(bench.compute, 4)
    const waiting = Array.from({ length: 1000 }, (_, i) => request(scheduler, `crystal ${i % 20}`))
    for (let i = 0; i < 20; i++) await bench.finish(`crystal ${i}`)
    const results = await Promise.all(waiting)
    expect(bench.started).toHaveLength(20)
    expect(new Set(bench.started).size).toBe(20)
    results.forEach((result, i) => expect(result).toMatchObject({ key: `crystal ${i % 20}` }))
    expect(scheduler.load).toEqual({ running: 0, queued: 0 })
  })

  test('never runs more at a time than it has slots', async () => {
    const bench = new Bench()
    const scheduler = new Scheduler(bench.compute, 2)
    const waiting = ['a', 'b', 'c'].map((key) => request(scheduler, key))
    expect(bench.started).toEqual(['a', 'b'])
    expect(scheduler.load).toEqual({ running: 2, queued: 1 })
    await bench.finish('a')
    expect(bench.started).toEqual(['a', 'b', 'c'])
    await bench.finish('b')
    await bench.finish('c')
    await Promise.all(waiting)
  })

  test('serves interactive requests before bulk ones, and a bulk one that somebody interactive joins', async () => {
    const bench = new Bench()
    const scheduler = new Scheduler(bench.compute, 1)
    const keys = ['running', 'bulk 1', 'bulk 2']
    const waiting = keys.map((key) => request(scheduler, key))
    waiting.push(request(scheduler, 'interactive', { priority: 'interactive' }))
    waiting.push(request(scheduler, 'bulk 2', { priority: 'interactive' }))
    for (const key of ['running', 'bulk 2', 'interactive', 'bulk 1']) await bench.finish(key)
    await Promise.all(waiting)
    expect(bench.started).toEqual(['running', 'bulk 2', 'interactive', 'bulk 1'])
  })

  test('ends a run when the last one who waited for it has gone, not before', async () => {
    const bench = new Bench()
    const scheduler = new Scheduler(bench.compute, 1)
    const [first, second] = [new AbortController(), new AbortController()]
    const one = request(scheduler, 'a', { signal: first.signal })
    const two = request(scheduler, 'a', { signal: second.signal })
    first.abort()
    await expect(one).rejects.toThrow(EvaluationCancelled)
    expect(bench.aborted).toEqual([])
    second.abort()
    await expect(two).rejects.toThrow(EvaluationCancelled)
    expect(bench.aborted).toEqual(['a'])
  })

  test('does not let a new request join a run that is being ended', async () => {
    const bench = new Bench()
    const scheduler = new Scheduler(bench.compute, 2)
    const controller = new AbortController()
    const one = request(scheduler, 'a', { signal: controller.signal })
    controller.abort()
    const two = request(scheduler, 'a')
    await expect(one).rejects.toThrow(EvaluationCancelled)
    expect(bench.started).toEqual(['a', 'a'])
    await bench.finish('a')
    await expect(two).resolves.toMatchObject({ status: 'converged' })
  })

  test('tells everyone who waits the place in the queue, then how far the run is', async () => {
    const bench = new Bench()
    const scheduler = new Scheduler(bench.compute, 1)
    const told: SchedulerProgress[] = []
    const waiting = [request(scheduler, 'a'), request(scheduler, 'b')]
    waiting.push(request(scheduler, 'c', { onProgress: (progress) => told.push(progress) }))
    await bench.finish('a')
    await bench.finish('b')
    bench.report('c', 3)
    await bench.finish('c')
    await Promise.all(waiting)
    expect(
      told.filter(({ state }) => state === 'queued').map((progress) => 'place' in progress && progress.place),
    ).toEqual(expect.arrayContaining([2, 1]))
    expect(told.at(-1)).toMatchObject({ state: 'running', iteration: 3, estimatedAccuracyRy: 0.1 })
  })

  test('passes on what is wrong with the machine, and goes on with the next', async () => {
    const compute: Compute = (_structure, { key }) =>
      key === 'bad' ? Promise.reject(new Error('no pw.x')) : Promise.resolve({ key } as unknown as DftResult)
    const scheduler = new Scheduler(compute, 1)
    const bad = request(scheduler, 'bad')
    const good = request(scheduler, 'good')
    await expect(bad).rejects.toThrow('no pw.x')
    await expect(good).resolves.toMatchObject({ key: 'good' })
  })

  test('stops: runs are ended, requests fail, nothing is left', async () => {
    const bench = new Bench()
    const scheduler = new Scheduler(bench.compute, 1)
    const waiting = ['a', 'b'].map((key) => request(scheduler, key))
    const failed = Promise.all(waiting.map((one) => expect(one).rejects.toThrow(EvaluationCancelled)))
    await scheduler.stop()
    await failed
    expect(bench.aborted).toEqual(['a'])
    expect(scheduler.load).toEqual({ running: 0, queued: 0 })
  })

  test('does not tell the places of a long queue again for every request that joins it', async () => {
    const bench = new Bench()
    const scheduler = new Scheduler(bench.compute, 1)
    let told = 0
    const onProgress = () => told++
    const waiting = Array.from({ length: 10_000 }, (_, i) =>
      request(scheduler, `crystal ${i}`, { onProgress, priority: 'interactive' }).catch(() => null),
    )
    await scheduler.stop()
    await Promise.all(waiting)
    // Fifty million if each request moved everybody; twenty rounds would be a very slow machine.
    expect(told).toBeLessThan(200_000)
  })

  test('leaves nothing behind on a signal that outlives its requests', async () => {
    const bench = new Bench()
    const scheduler = new Scheduler(bench.compute, 1)
    const { signal } = new AbortController()
    for (let i = 0; i < 20; i++) {
      const one = request(scheduler, 'a', { signal })
      await bench.finish('a')
      await one
    }
    expect(getEventListeners(signal, 'abort')).toEqual([])
  })

  test('tells who joins a running calculation how far it is, at once', async () => {
    const bench = new Bench()
    const scheduler = new Scheduler(bench.compute, 1)
    const first = request(scheduler, 'a')
    bench.report('a', 7)
    const told: SchedulerProgress[] = []
    const second = request(scheduler, 'a', { onProgress: (progress) => told.push(progress) })
    expect(told).toMatchObject([{ state: 'running', iteration: 7, estimatedAccuracyRy: 0.1 }])
    await bench.finish('a')
    await Promise.all([first, second])
  })
})
