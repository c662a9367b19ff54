import { expect, test } from 'vitest'
import { AnswerRefused } from './event-check.ts'
import { EventGuard } from './event-guard.ts'

function read(chunks: readonly (string | Uint8Array)[]) {
  const guard = new EventGuard(10_000)
  const taken = chunks.flatMap((chunk) => guard.take(Buffer.from(chunk)))
  return [...taken, ...guard.end()].map(({ name, data, value, isWhole }) => ({
    ...(name === undefined ? {} : { name }),
    ...(value === undefined ? { data } : { value }),
    ...(isWhole ? { isWhole } : {}),
  }))
}
const bytesOf = (text: string) => [...Buffer.from(text)].map((byte) => Uint8Array.of(byte))

test.each(['\n', '\r\n', '\r'])('reads lines that end with %j, wherever a chunk ends', (end) => {
  const lines = [': comment', 'event: x', 'data: {"a":', 'data:"ü"}', '', 'id: 1', '', 'data', 'data: 2', '', 'data: 3']
  const text = `\ufeff${lines.join(end)}`
  const expected = [{ name: 'x', value: { a: 'ü' } }, { value: 2 }, { value: 3 }]
  expect(read([text])).toEqual(expected)
  expect(read(bytesOf(text))).toEqual(expected)
})

test.each([
  ['a blank behind the end mark', 'data: [DONE] \n\n', ['[DONE] ']],
  ['empty data', 'data: \n\ndata:\n\ndata\n\n', []],
  ['no blank line between two events', 'data: {"a":1}\ndata: {"a":2}\ndata: [DONE]\n', [{ a: 1 }, { a: 2 }, '[DONE]']],
  ['names without blank lines', 'event: x\ndata: {"a":1}\nevent: error\ndata: {"b":2}\n\n', [{ a: 1 }, { b: 2 }]],
  ['a field name that stands twice', 'data: data: {"a":1}\n\n', [{ a: 1 }]],
  ['an object without a field name', ': wait\n\n{"a":1}\n', [{ a: 1 }]],
  ['a JSON body', '\n \n{"a":\n1}', [{ a: 1 }]],
  ['a list as body', '[{"a":1}\n,\r\n{"a":2}]', [{ a: 1 }, { a: 2 }]],
  ['an object on each line', '{"a":1}\n{"a":2}\n', [{ a: 1 }, { a: 2 }]],
  ['a page', '<html>\n<title>Gone</title>', ['<html>\n<title>Gone</title>\n']],
])('reads %s', (_, text, expected) => {
  for (const chunks of [[text], bytesOf(text)]) {
    expect(read(chunks).map((event) => ('value' in event ? event.value : event.data))).toEqual(expected)
  }
})

test('only the last item of a body is the end of it', () => {
  expect(read(['[{"a":1},{"a":2}]'])).toEqual([{ value: { a: 1 } }, { value: { a: 2 }, isWhole: true }])
})

test('refuses more events than the longest answer has', () => {
  const guard = new EventGuard(10_000)
  const many = Buffer.from('data: {}\n\n'.repeat(10_000))
  for (let n = 0; n < 26; n += 1) guard.take(many)
  expect(() => guard.take(many)).toThrow(AnswerRefused)
})

test.each(['\n', '\r', ':\n', ' ', 'data:\n\n', 'data: \n', 'id: 1\n', 'event: ping\n\n', 'junk\n'])(
  'refuses a body of %j alone after some 100,000 characters',
  (unit) => {
    const guard = new EventGuard(1_000_000)
    const chunk = Buffer.from(unit.repeat(Math.ceil(16_384 / unit.length)))
    let chunks = 0
    const pour = () => {
      for (; chunks < 100; chunks += 1) guard.take(chunk)
    }
    expect(pour).toThrow(new AnswerRefused('no-events'))
    expect(chunks).toBeLessThan(40)
  },
)

test('keep-alives between events do not add up', () => {
  const guard = new EventGuard(10_000)
  const padded = Buffer.from(`:${' '.repeat(900)}\n\ndata: {}\n\n`)
  for (let n = 0; n < 2_000; n += 1) guard.take(padded)
})

test.each(['', '{', '{"a":1}'])('scans a long line of data with %j once, not for each name of an event', (inner) => {
  const guard = new EventGuard(2_000_000)
  const space = ' '.repeat(1_100_000)
  const start = performance.now()
  guard.take(Buffer.from(`data: ${space}${inner}${space}{\n${'event\n'.repeat(8_000)}`))
  expect(performance.now() - start).toBeLessThan(5_000)
})

test.each(['a', '"a'])('reads an event of very many lines with %j as one text', (line) => {
  expect(read([`data: ${line}\n`.repeat(1_000)])).toHaveLength(1_000)
  const guard = new EventGuard(2_000_000)
  expect(guard.take(Buffer.from(`${`data: ${line}\n`.repeat(300_000)}\n`))).toHaveLength(1)
})

test('refuses very many events that start like JSON and are none', () => {
  const guard = new EventGuard(2_000_000)
  guard.take(Buffer.from('data: {}}\n'.repeat(10_000)))
  expect(() => guard.take(Buffer.from('data: {}}\n'.repeat(10_000)))).toThrow(new AnswerRefused('too-complex'))
})

test('refuses a body with an object on each of very many lines', () => {
  const guard = new EventGuard(2_000_000)
  guard.take(Buffer.from(`{}${'\n{}'.repeat(70_000)}`))
  expect(() => guard.end()).toThrow(new AnswerRefused('too-complex'))
})

test.each([
  ['pieces of content', { choices: [{ delta: { content: Array(1_025).fill('x') } }] }],
  ['pieces of a whole message', { choices: [{ message: { content: Array(1_025).fill('x') } }] }],
  ['pieces of one choice without a list', { choices: { delta: { content: Array(1_025).fill('x') } } }],
  ['parts in an envelope', { response: { candidates: [{ content: { parts: Array(1_025).fill({}) } }] } }],
  ['parts of one candidate without a list', { candidates: { content: { parts: Array(1_025).fill({}) } } }],
])('refuses an event with too many %s', (_, event) => {
  expect(() => read([`data: ${JSON.stringify(event)}\n\n`])).toThrow(new AnswerRefused('too-complex'))
})
