import { expect, test } from 'vitest'
import { AnswerRefused } from './event-check.ts'
import { createEventGuard } from './event-guard.ts'

const read = (chunks: readonly (string | Uint8Array)[]) => {
  const guard = createEventGuard(10_000)
  const slices = chunks.flatMap((chunk) => guard.take(Buffer.from(chunk)))
  return slices.map((slice) => Buffer.from(slice).toString()).join('')
}

test.each(['\n', '\r\n', '\r'])('reads lines that end with %j, wherever a chunk ends', (end) => {
  const text = [': comment', 'event: x', 'data: {"a":', 'data:"ü"}', '', 'id: 1', '', 'data', 'data: 2', '', ''].join(
    end,
  )
  const expected = 'data: {"a":\ndata: "ü"}\n\ndata: \ndata: 2\n\n'
  expect(read([text])).toBe(expected)
  expect(read([...Buffer.from(text)].map((byte) => Uint8Array.of(byte)))).toBe(expected)
})

test('passes on only complete events, in slices', () => {
  const guard = createEventGuard(10_000)
  expect(guard.take(Buffer.from('data: 1\n'))).toEqual([])
  expect(guard.take(Buffer.from(`\n${'data: 2\n\n'.repeat(200)}data: 3`))).toHaveLength(4)
})

test('refuses more events than the longest answer has', () => {
  const guard = createEventGuard(10_000)
  const many = Buffer.from('data: {}\n\n'.repeat(10_000))
  for (let n = 0; n < 26; n += 1) guard.take(many)
  expect(() => guard.take(many)).toThrow(AnswerRefused)
})
