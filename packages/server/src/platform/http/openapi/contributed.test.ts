import { sql } from 'kysely'
import { Type } from 'typebox'
import { expect, it } from 'vitest'
import { hooksOf } from '../../hooks/hooks.ts'
import { contributed, contributedCounts, withContributions } from './contributed.ts'
import { endpoint, ok } from '../endpoint.ts'
import { feature } from '../feature.ts'
import { wire } from '../wire.ts'

const preview = endpoint({
  route: 'GET /api/boxes',
  summary: 'See what is in a box',
  caller: 'anyone',
  permission: 'none',
  limit: 'default',
  idempotency: 'not-needed',
  audit: 'none',
  returns: {
    200: wire('BoxPreview', {
      deletes: contributedCounts({ hook: 'contents', noun: 'box' }),
      blockedBy: contributed<{ readonly isFull: boolean }>(
        [{ hook: 'blocksDeletion', noun: 'box' }],
        Type.Object({ isFull: Type.Boolean(), note: Type.Optional(Type.String()) }),
      ),
    }),
  },
  fails: [],
  handle: async () => ok({ deletes: { toys: 1 }, blockedBy: { isFull: false, locks: 0 } }),
})
const boxes = feature({ folder: 'accounts/boxes', tag: 'Boxes', description: 'Boxes.', endpoints: { preview } })
const toys = feature({
  folder: 'catalog/toys',
  tag: 'Toys',
  description: 'Toys.',
  endpoints: {},
  contents: { box: { toys: { rows: () => sql`select`, description: 'Also broken ones.' } } },
  blocksDeletion: { box: { locks: { rows: () => sql`select`, detail: 'It is locked.' } } },
})

it('adds the fields that features contribute to the replies of another feature', () => {
  const operation = withContributions({ id: 'preview', endpoint: preview, feature: boxes }, hooksOf([boxes, toys]))
  expect(JSON.stringify(operation.endpoint.returns)).not.toContain('x-contributed')
  expect(operation.endpoint.returns[200]).toMatchObject({
    properties: {
      deletes: {
        properties: { toys: { type: 'integer', maximum: 10_000, description: 'Also broken ones.' } },
        required: ['toys'],
      },
      blockedBy: {
        properties: { locks: { type: 'integer' }, isFull: { type: 'boolean' }, note: { type: 'string' } },
        required: ['isFull', 'locks'],
      },
    },
    required: ['deletes', 'blockedBy'],
  })
})
