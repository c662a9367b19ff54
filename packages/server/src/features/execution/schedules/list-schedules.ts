import { Type } from 'typebox'
import { endpoint, ok } from '../../../platform/http/endpoint.ts'
import { pageOf, pageQuery, parsePage, toPageWire } from '../../../platform/http/pagination.ts'
import { foundOr } from '../../../platform/problems/found-or.ts'
import { findAgent } from '../../catalog/agents/index.ts'
import { unsealSchedules } from './schedule-content.ts'
import { loadSchedules } from './schedule-store.ts'
import { ScheduleWire, toScheduleWire } from './schedule-wire.ts'

export const listSchedules = endpoint({
  route: 'GET /api/schedules',
  summary: 'List schedules',
  description: 'Newest first.',
  caller: 'application',
  permission: 'schedules:read',
  limit: 'default',
  idempotency: 'not-needed',
  audit: 'none',
  query: {
    ...pageQuery,
    agentId: Type.Optional(Type.String({ minLength: 1, maxLength: 200, description: '`agent_…` or `@scope/name`.' })),
    enabled: Type.Optional(Type.Boolean()),
  },
  returns: { 200: pageOf(ScheduleWire) },
  fails: ['agent-not-found'],
  async handle({ db, scope, query, platform }) {
    const page = parsePage(query)
    const agent =
      query.agentId === undefined ? undefined : foundOr(await findAgent(db, scope, query.agentId), 'agent-not-found')
    const filters = {
      ...(agent === undefined ? {} : { agentId: agent.id }),
      ...(query.enabled === undefined ? {} : { enabled: query.enabled }),
    }
    const { items, total } = await loadSchedules(db, scope, { page, filters })
    return ok(toPageWire({ items: await unsealSchedules(platform, items), total }, page, toScheduleWire))
  },
})
