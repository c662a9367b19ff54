import { expect, it } from 'vitest'
import { createSemaphore } from './semaphore.ts'

const never = new AbortController().signal

it('runs at most so many at a time, in order', async () => {
  const semaphore = createSemaphore(2)
  const log: string[] = []
  let running = 0
  await Promise.all(
    ['a', 'b', 'c', 'd'].map((name) =>
      semaphore.run(never, async () => {
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

it('gives its place back when the work fails, and forgets who gave up waiting', async () => {
  const semaphore = createSemaphore(1)
  await expect(semaphore.run(never, () => Promise.reject(new Error('broken')))).rejects.toThrow('broken')
  let finish: () => void = () => undefined
  const holder = semaphore.run(never, () => new Promise<void>((resolve) => (finish = resolve)))
  const controller = new AbortController()
  const waiter = semaphore.run(controller.signal, async () => 'ran')
  controller.abort(new Error('gave up'))
  await expect(waiter).rejects.toThrow('gave up')
  finish()
  await holder
  expect(await semaphore.run(never, async () => 'free again')).toBe('free again')
})
