import { expect, it } from 'vitest'
import { createGate } from './gate.ts'

it('runs at most `max` at a time, in order, and continues after a failure', async () => {
  const gate = createGate(2)
  const started: number[] = []
  const ends: (() => void)[] = []
  const work = (name: number) =>
    gate(
      () =>
        new Promise<number>((resolve, reject) => {
          started.push(name)
          ends.push(name === 1 ? () => reject(new Error('one failed')) : () => resolve(name))
        }),
    )
  const results = Promise.allSettled([1, 2, 3, 4].map(work))
  const settle = () => new Promise((resolve) => setImmediate(resolve))
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
