import { Type } from 'typebox'
import { endpoint, ok } from '../../../platform/http/endpoint.ts'
import { pageOf, pageQuery, parsePage, toPageWire } from '../../../platform/http/pagination.ts'
import { idCursor } from '../../../platform/lists/cursor.ts'
import { foundOr } from '../../../platform/problems/found-or.ts'
import { findAgent } from '../../catalog/agents/index.ts'
import { includeQuery, loadListedSchedules } from './listed-schedule.ts'
import { ScheduleListItemWire, toScheduleListItemWire } from './schedule-wire.ts'

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
    ...includeQuery,
    agentId: Type.Optional(Type.String({ minLength: 1, maxLength: 200, description: '`agent_…` or `@scope/name`.' })),
    enabled: Type.Optional(Type.Boolean()),
  },
  returns: { 200: pageOf(ScheduleListItemWire) },
  fails: ['agent-not-found'],
  async handle({ db, scope, query, platform }) {
    const page = parsePage(query, idCursor('sched'))
    const agent =
      query.agentId === undefined ? undefined : foundOr(await findAgent(db, scope, query.agentId), 'agent-not-found')
    const filters = {
      ...(agent === undefined ? {} : { agentId: agent.id }),
      ...(query.enabled === undefined ? {} : { enabled: query.enabled }),
    }
    const list = { page, filters, include: query.include }
    return ok(toPageWire(await loadListedSchedules({ db, scope, platform }, list), page, toScheduleListItemWire))
  },
})
