import { Type } from 'typebox'
import { endpoint, ok } from '../../../platform/http/endpoint.ts'

export const getHealth = endpoint({
  route: 'GET /health',
  summary: 'Liveness',
  description:
    'Replies as long as the process serves requests; checks nothing else. Restart a process that does not reply.',
  caller: 'anyone',
  permission: 'none',
  limit: 'default',
  vital: true,
  idempotency: 'not-needed',
  audit: 'none',
  returns: { 200: Type.Object({ status: Type.Literal('ok'), uptimeMs: Type.Integer() }) },
  fails: [],
  handle: async () => ok({ status: 'ok', uptimeMs: Math.round(process.uptime() * 1000) }),
})
