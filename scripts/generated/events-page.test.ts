import { describe, expect, it } from 'vitest'
import type { TSchema } from 'typebox'
import { Compile } from 'typebox/compile'
import { logEvents, RunLogWire } from '../../packages/server/src/features/execution/runs/index.ts'
import { logExamples, toLogExample } from './event-examples.ts'
import { eventsPage, listFields, logEventNames, streamEvents } from './events-page.ts'

function mistakes(schema: TSchema, value: unknown): unknown[] {
  return [...Compile(schema).Errors(value)].map(({ instancePath, message }) => `${instancePath} ${message}`)
}

describe('the page of events', () => {
  it('has every kind of log entry', () => {
    expect([...logEventNames].sort()).toEqual(Object.keys(logEvents).sort())
  })

  it.each(streamEvents)('has an example of $name that is valid', ({ schema, example }) => {
    expect(mistakes(schema, example)).toEqual([])
  })

  it.each(logEventNames)('has an example of %s that is valid, and says what its fields mean', (name) => {
    const example = logExamples[name]
    const {
      levels,
      type,
      message,
      data,
    }: { levels: readonly string[]; type: string; message?: string; data?: TSchema } = logEvents[name]
    expect(mistakes(RunLogWire, toLogExample(example))).toEqual([])
    expect(levels).toContain(example.level)
    expect([example.type, example.event]).toEqual([type, name])
    expect(example.message === undefined).toBe(message === undefined)
    if (data === undefined) expect(example.data).toBeUndefined()
    else expect(mistakes(data, example.data ?? null)).toEqual([])
    expect(listFields(data ?? {}, 'data').filter(({ meaning }) => meaning === '')).toEqual(
      data === undefined ? [{ path: 'data', type: 'any JSON', meaning: '' }] : [],
    )
  })

  it.each(streamEvents)('says what the fields of $name mean', ({ schema }) => {
    expect(listFields(schema).filter(({ meaning }) => meaning === '')).toEqual([])
  })

  it('shows nested fields, optional ones and closed lists', () => {
    const { path, content } = eventsPage()
    expect(path).toBe('docs/events.md')
    for (const row of [
      '| `data.toolCalls[].name` | string | The name of the tool. |',
      '| `data.reasons` | array of object, optional |',
      '| `error.code` | string |',
      '| `level` | `debug`, `info`, `warn`, `error` | The severity. |',
      '| `endUserId` | id (`eu_…`) or null |',
    ])
      expect(content).toContain(row)
  })
})
