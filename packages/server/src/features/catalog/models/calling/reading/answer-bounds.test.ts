import { expect, test } from 'vitest'
import { AnswerRefused } from '../event-check.ts'
import type { ModelApi } from '../model-target.ts'
import { AnswerReading } from './answer-reading.ts'
import { PartialArguments } from './partial-arguments.ts'
import { readBody } from './read-body.ts'

const textBytesMax = 2_000_000

function readingOf(api: ModelApi) {
  const reading = new AnswerReading({ api, toolNames: new Set(['x']), textBytesMax })
  return {
    reading,
    take: (value: unknown) => reading.take({ name: undefined, data: '', value, isWhole: false }),
  }
}

const chatCall = (id: string, more = {}) => ({
  choices: [{ delta: { tool_calls: [{ index: 0, id, function: { name: 'x', arguments: '' }, ...more }] } }],
})
const block = (index: number, content_block: object) => ({ type: 'content_block_start', index, content_block })

/** How many events for the package are in each piece of a body that is read. */
async function eventsPerPiece(api: ModelApi, events: readonly unknown[]): Promise<number[]> {
  const failures: unknown[] = []
  const source = new Response(events.map((event) => `data: ${JSON.stringify(event)}\n\n`).join('')).body
  const counts: number[] = []
  const { reading } = readingOf(api)
  const nothing = () => undefined
  const listener = {
    reading,
    textBytesMax,
    sawBytes: nothing,
    answered: nothing,
    failed: (e: unknown) => failures.push(e),
  }
  for await (const piece of readBody(source ?? new ReadableStream(), listener))
    counts.push(Buffer.from(piece).toString().split('\n\n').length - 1)
  expect(failures).toEqual([])
  return counts
}

test('the texts of one event are one event for the package', () => {
  const content = Array.from({ length: 1_000 }, () => ({ type: 'text', text: 'ab' }))
  const { take } = readingOf('openai-compatible')
  expect(take({ choices: [{ delta: { content } }] })).toEqual([
    { choices: [{ index: 0, delta: { content: 'ab'.repeat(1_000) }, finish_reason: null }] },
  ])
})

test('texts keep their places between the thoughts', () => {
  const content = ['a', { type: 'thinking', thinking: 'b' }, '', { type: 'thinking', thinking: 'c' }, 'd']
  const events = readingOf('mistral').take({ choices: [{ delta: { content } }] })
  expect(JSON.stringify(events).match(/"(?:content|text)":"\w+"/g)).toEqual([
    '"content":"a"',
    '"text":"bc"',
    '"content":"d"',
  ])
})

test('the package gets few events in one turn, also when one event of the server is very many', async () => {
  const content = Array.from({ length: 4_000 }, () => ({ type: 'text', text: 'x' }))
  const counts = await eventsPerPiece('anthropic', [{ type: 'message', content, stop_reason: 'end_turn' }])
  expect(Math.max(...counts)).toBeLessThanOrEqual(64)
  expect(counts.reduce((sum, count) => sum + count)).toBe(3 * 4_000 + 3)
})

test.each([
  ['openai-compatible', (id: string) => chatCall(id)],
  ['anthropic', (id: string) => block(0, { type: 'tool_use', id, name: 'x' })],
  ['google', (id: string) => ({ candidates: [{ content: { parts: [{ functionCall: { id, name: 'x' } }] } }] })],
] as const)('%s: a very long id is replaced, by the same one each time', (api, eventOf) => {
  const idIn = (id: string) => /"id":"([^"]*)"/.exec(JSON.stringify(readingOf(api).take(eventOf(id))))?.[1]
  const long = 'i'.repeat(1_000_000)
  expect(idIn(long)).toHaveLength(64)
  expect(idIn(long)).toBe(idIn(long))
  expect(idIn(long)).not.toBe(idIn(`${long}j`))
  expect(idIn('i'.repeat(1_024))).toBe('i'.repeat(1_024))
})

test.each([
  ['openai-compatible', (name: string) => chatCall('a', { function: { name } })],
  ['anthropic', (name: string) => block(0, { type: 'tool_use', id: 'a', name })],
  ['google', (name: string) => ({ candidates: [{ content: { parts: [{ functionCall: { id: 'a', name } }] } }] })],
] as const)('%s: a very long name is cut', (api, eventOf) => {
  expect(JSON.stringify(readingOf(api).take(eventOf('n'.repeat(1_000_000)))).length).toBeLessThan(1_000)
})

test('what is kept of calls that are open is counted', () => {
  const long = 'x'.repeat(900_000)
  const { take } = readingOf('anthropic')
  for (const index of [0, 1]) take(block(index, { type: 'tool_use', id: String(index), name: 'x', input: { long } }))
  expect(() => take(block(2, { type: 'tool_use', id: '2', name: 'x', input: { long } }))).toThrow(AnswerRefused)
  const chat = readingOf('openai-compatible')
  const signed = (index: number) =>
    chatCall(String(index), { index, extra_content: { google: { thought_signature: long } } })
  for (const index of [0, 1]) chat.take(signed(index))
  expect(() => chat.take(signed(2))).toThrow(AnswerRefused)
})

test('long paths of arguments are refused before they take long', () => {
  const paths = Array.from({ length: 9_000 }, (_, n) => ({ jsonPath: `$${'.a'.repeat(94)}.b${n}`, numberValue: 1 }))
  expect(() => new PartialArguments(10_000_000, { steps: 0 }).take(paths)).toThrow(new AnswerRefused('too-complex'))
})

test('a long text that arrives in many pieces at one path is no long path', () => {
  const values = new PartialArguments(10_000_000, { steps: 0 })
  const piece = { jsonPath: `$${'.a'.repeat(20)}`, stringValue: 'x', willContinue: true }
  for (let n = 0; n < 30_000; n += 1) values.take([piece])
  expect(JSON.stringify(values.toJson())).toContain('x'.repeat(30_000))
})
