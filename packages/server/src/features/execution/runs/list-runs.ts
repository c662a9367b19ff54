import { Type } from 'typebox'
import { endpoint, ok } from '../../../platform/http/endpoint.ts'
import { cursorQuery, pageOf, parsePage, toPageWire } from '../../../platform/http/pagination.ts'
import { problem } from '../../../platform/problems/problem.ts'
import { OneOf } from '../../../platform/http/wire.ts'
import { parseWireId, toWireId } from '../../../platform/ids/id.ts'
import { foundOr } from '../../../platform/problems/found-or.ts'
import { findAgent } from '../../catalog/agents/index.ts'
import { unsealSummaries } from './run-content.ts'
import { loadRuns } from './run-store.ts'
import { RunSummaryWire, toRunSummaryWire } from './run-wire.ts'
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
    ...cursorQuery,
    agentId: Type.Optional(Type.String({ minLength: 1, maxLength: 200, description: '`agent_…` or `@scope/name`.' })),
    status: Type.Optional(OneOf(runStatuses)),
  },
  returns: { 200: pageOf(RunSummaryWire) },
  fails: ['agent-not-found'],
  async handle({ db, scope, platform, query }) {
    const page = parsePage(query)
    const agent =
      query.agentId === undefined ? undefined : foundOr(await findAgent(db, scope, query.agentId), 'agent-not-found')
    const slice = await loadRuns(db, scope, {
      page,
      filters: {
        ...(agent === undefined ? {} : { agentId: agent.id }),
        ...(query.status === undefined ? {} : { status: query.status }),
        ...(query.after === undefined ? {} : { after: parseCursor(query.after) }),
      },
    })
    const nextCursor = typeof slice.nextCursor === 'string' ? toWireId('run', slice.nextCursor) : null
    return ok(
      toPageWire({ ...slice, items: await unsealSummaries(platform, slice.items), nextCursor }, page, toRunSummaryWire),
    )
  },
})

function parseCursor(after: string): string {
  const id = parseWireId('run', after)
  if (id !== undefined) return id
  const errors = [{ pointer: 'query/after', message: 'is not a cursor of this list', code: 'cursor' }]
  throw problem('validation-error', { detail: "'after' must be the nextCursor of an earlier page.", errors })
}
