import { endpoint, ok } from '../../../platform/http/endpoint.ts'
import { pageOf, pageQuery, parsePage, toPageWire } from '../../../platform/http/pagination.ts'
import { idCursor } from '../../../platform/lists/cursor.ts'
import { foundOr } from '../../../platform/problems/found-or.ts'
import { findAgent } from '../../catalog/agents/index.ts'
import { includeQuery, loadListedSchedules } from './listed-schedule.ts'
import { ScheduleListItemWire, toScheduleListItemWire } from './schedule-wire.ts'

export const listAgentSchedules = endpoint({
  route: 'GET /api/agents/:agentId/schedules',
  summary: 'List the schedules of an agent',
  description: 'Newest first.',
  caller: 'application',
  permission: 'schedules:read',
  limit: 'default',
  idempotency: 'not-needed',
  audit: 'none',
  params: { agentId: { text: '`agent_…` or `@scope/name`' } },
  query: { ...pageQuery, ...includeQuery },
  returns: { 200: pageOf(ScheduleListItemWire) },
  fails: ['agent-not-found'],
  async handle({ db, scope, params, query, platform }) {
    const page = parsePage(query, idCursor('sched'))
    const agent = foundOr(await findAgent(db, scope, params.agentId), 'agent-not-found')
    const list = { page, filters: { agentId: agent.id }, include: query.include }
    return ok(toPageWire(await loadListedSchedules({ db, scope, platform }, list), page, toScheduleListItemWire))
  },
})
