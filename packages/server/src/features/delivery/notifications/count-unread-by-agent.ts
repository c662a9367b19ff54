import { Type } from 'typebox'
import { endpoint, ok } from '../../../platform/http/endpoint.ts'
import { toWireId } from '../../../platform/ids/id.ts'
import { readerOf } from './notification.ts'
import { countUnreadPerAgent } from './notification-store.ts'

export const countUnreadByAgent = endpoint({
  route: 'GET /api/notifications/unread-counts-by-agent',
  summary: 'Count unread notifications by agent',
  description: 'Counts the unread ones among your newest 1,000 notifications. Agents without unread ones are omitted.',
  caller: 'application',
  permission: 'runs:read',
  limit: 'default',
  idempotency: 'not-needed',
  audit: 'none',
  returns: {
    200: Type.Object({
      counts: Type.Record(Type.String(), Type.Integer(), {
        description: 'The number of unread notifications by agent id: `{"agent_…": 3}`.',
      }),
    }),
  },
  fails: [],
  async handle({ db, scope, caller }) {
    const counts = await countUnreadPerAgent(db, { scope, reader: readerOf(scope, caller) })
    return ok({ counts: Object.fromEntries(counts.map(({ agentId, count }) => [toWireId('agent', agentId), count])) })
  },
})
