import { expect, it } from 'vitest'
import { createSemaphore } from './semaphore.ts'

const settle = () => new Promise((resolve) => setImmediate(resolve))

it('runs at most so many at a time, in order', async () => {
  const semaphore = createSemaphore(2)
  const log: string[] = []
  let running = 0
  await Promise.all(
    ['a', 'b', 'c', 'd'].map((name) =>
      semaphore.run(async () => {
        running += 1
        expect(running).toBeLessThanOrEqual(2)
        log.push(name)
        await new Promise((resolve) => setTimeout(resolve, 5))
        running -= 1
      }),
    ),
  )
  expect(log).toEqual(['a', 'b', 'c', 'd'])
})

it('frees the place of work that fails, for the next in line', async () => {
  const semaphore = createSemaphore(2)
  const started: number[] = []
  const ends: (() => void)[] = []
  const work = (name: number) =>
    semaphore.run(
      () =>
        new Promise<number>((resolve, reject) => {
          started.push(name)
          ends.push(name === 1 ? () => reject(new Error('one failed')) : () => resolve(name))
        }),
    )
  const results = Promise.allSettled([1, 2, 3, 4].map(work))
  await settle()
  expect(started).toEqual([1, 2])
  ends[0]?.()
  await settle()
  expect(started).toEqual([1, 2, 3])
  ends[1]?.()
  ends[2]?.()
  await settle()
  expect(started).toEqual([1, 2, 3, 4])
  ends[3]?.()
  expect((await results).map(({ status }) => status)).toEqual(['rejected', 'fulfilled', 'fulfilled', 'fulfilled'])
})

it('removes work from the line when its signal aborts', async () => {
  const semaphore = createSemaphore(1)
  await expect(semaphore.run(() => Promise.reject(new Error('broken')))).rejects.toThrow('broken')
  let finish: () => void = () => undefined
  const holder = semaphore.run(() => new Promise<void>((resolve) => (finish = resolve)))
  const controller = new AbortController()
  const waiter = semaphore.run(async () => 'ran', controller.signal)
  controller.abort(new Error('gave up'))
  await expect(waiter).rejects.toThrow('gave up')
  finish()
  await holder
  expect(await semaphore.run(async () => 'free again')).toBe('free again')
})
