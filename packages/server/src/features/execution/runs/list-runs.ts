import { Type } from 'typebox'
import { endpoint, ok } from '../../../platform/http/endpoint.ts'
import { pageOf, pageQuery, parsePage, toPageWire } from '../../../platform/http/pagination.ts'
import { OneOf } from '../../../platform/http/wire.ts'
import { idCursor } from '../../../platform/lists/cursor.ts'
import { foundOr } from '../../../platform/problems/found-or.ts'
import { findAgent } from '../../catalog/agents/index.ts'
import { includeQuery, loadListedRuns } from './listed-run.ts'
import { RunListItemWire, toRunListItemWire } from './run-wire.ts'
import { runStatuses } from './run.ts'

export const listRuns = endpoint({
  route: 'GET /api/runs',
  summary: 'List runs',
  description: 'Newest first.',
  caller: 'application',
  permission: 'runs:read',
  limit: 'default',
  idempotency: 'not-needed',
  audit: 'none',
  query: {
    ...pageQuery,
    ...includeQuery,
    agentId: Type.Optional(Type.String({ minLength: 1, maxLength: 200, description: '`agent_…` or `@scope/name`.' })),
    status: Type.Optional(OneOf(runStatuses)),
  },
  returns: { 200: pageOf(RunListItemWire) },
  fails: ['agent-not-found'],
  async handle({ db, scope, platform, query }) {
    const page = parsePage(query, idCursor('run'))
    const { agentId, status, include } = query
    const agent = agentId === undefined ? undefined : foundOr(await findAgent(db, scope, agentId), 'agent-not-found')
    const filters = {
      ...(agent === undefined ? {} : { agentId: agent.id }),
      ...(status === undefined ? {} : { status }),
    }
    const slice = await loadListedRuns({ db, scope, platform }, { page, filters, include })
    return ok(toPageWire(slice, page, toRunListItemWire))
  },
})
