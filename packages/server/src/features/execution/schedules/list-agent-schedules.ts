import { endpoint, ok } from '../../../platform/http/endpoint.ts'
import { pageOf, pageQuery, parsePage, toPageWire } from '../../../platform/http/pagination.ts'
import { foundOr } from '../../../platform/problems/found-or.ts'
import { findAgent } from '../../catalog/agents/index.ts'
import { unsealSchedules } from './schedule-content.ts'
import { loadSchedules } from './schedule-store.ts'
import { ScheduleWire, toScheduleWire } from './schedule-wire.ts'

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
  query: pageQuery,
  returns: { 200: pageOf(ScheduleWire) },
  fails: ['agent-not-found'],
  async handle({ db, scope, params, query, platform }) {
    const page = parsePage(query)
    const agent = foundOr(await findAgent(db, scope, params.agentId), 'agent-not-found')
    const { items, total } = await loadSchedules(db, scope, { page, filters: { agentId: agent.id } })
    return ok(toPageWire({ items: await unsealSchedules(platform, items), total }, page, toScheduleWire))
  },
})
