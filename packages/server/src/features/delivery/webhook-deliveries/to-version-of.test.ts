import { expect, it } from 'vitest'
import { createVersionRegistry } from '../../../platform/api-versions/api-version.ts'
import { toVersionOf } from './render-event.ts'

const versions = createVersionRegistry([
  { date: '2026-03-21', changes: [] },
  {
    date: '2025-06-01',
    changes: [
      { appliesTo: 'event:run.completed', downgradeReply: (body) => ({ ...Object(body), type: 'run.success' }) },
    ],
  },
  {
    date: '2025-01-01',
    changes: [{ appliesTo: 'event:run.completed', downgradeReply: (body) => ({ event: Object(body).type }) }],
  },
])
const payload = { type: 'run.completed', created: 1 }
const shown = (apiVersion: string, type = 'run.completed') =>
  toVersionOf({ versions }, { apiVersion }, { type, payload })

it('downgrades along the chain to the version of the webhook', () => {
  expect(shown('2026-03-21')).toEqual(payload)
  expect(shown('2025-06-01')).toEqual({ type: 'run.success', created: 1 })
  expect(shown('2025-01-01')).toEqual({ event: 'run.success' })
})

it('leaves other events as they are', () => {
  expect(shown('2025-01-01', 'run.failed')).toEqual(payload)
})
