import { expect, it } from 'vitest'
import type { StepMessage } from '../../../catalog/models/index.ts'
import { fitContext } from './fit-context.ts'

const result = (size: number): StepMessage => ({
  role: 'tool',
  toolCallId: 'a',
  toolName: 'bash',
  text: 'x'.repeat(size),
  isError: false,
})
const system: StepMessage = { role: 'system', text: 'goal' }
const recent = Array.from({ length: 6 }, () => result(10))

it('keeps messages that fit, or whose window is unknown', () => {
  const messages = [system, result(1_000_000)]
  expect(fitContext(messages, null, 1000)).toBe(messages)
  expect(fitContext(messages, 1_000_000, 1000)).toBe(messages)
})

it('removes the oldest tool results first, and only as many as needed', () => {
  const fitted = fitContext([system, result(3000), result(3000), ...recent], 2100, 1000)
  expect(fitted?.[0]).toBe(system)
  expect(fitted?.[1]?.text).toMatch(/removed to fit/)
  expect(fitted?.[2]?.text).toBe('x'.repeat(3000))
})

it('keeps the latest results, and returns undefined when they do not fit', () => {
  expect(
    fitContext([system, result(3000), ...Array.from({ length: 6 }, () => result(3000))], 2100, 1000),
  ).toBeUndefined()
})
