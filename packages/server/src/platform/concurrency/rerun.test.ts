import { expect, it } from 'vitest'
import { rerunIfCalled } from './rerun.ts'

it('runs one call at a time, and once more for all calls that arrived meanwhile', async () => {
  const ends: (() => void)[] = []
  const call = rerunIfCalled(() => new Promise<void>((resolve) => void ends.push(resolve)))
  const settle = () => new Promise((resolve) => setImmediate(resolve))
  call()
  call()
  call()
  await settle()
  expect(ends).toHaveLength(1)
  ends[0]?.()
  await settle()
  expect(ends).toHaveLength(2)
  ends[1]?.()
  await settle()
  expect(ends).toHaveLength(2)
  call()
  await settle()
  expect(ends).toHaveLength(3)
})
