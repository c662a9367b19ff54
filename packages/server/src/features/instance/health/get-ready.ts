import { Type } from 'typebox'
import { endpoint, ok } from '../../../platform/http/endpoint.ts'
import { problem } from '../../../platform/problems/problem.ts'
import { readiness } from './readiness.ts'

export const getReady = endpoint({
  route: 'GET /ready',
  summary: 'Readiness',
  description: 'Checks the database, the queue and the sandbox. Send traffic only to processes that are ready.',
  caller: 'anyone',
  permission: 'none',
  limit: 'default',
  idempotency: 'not-needed',
  audit: 'none',
  returns: {
    200: Type.Object({ status: Type.Literal('ready'), checks: Type.Record(Type.String(), Type.Literal('ok')) }),
  },
  fails: ['not-ready', 'shutting-down'],
  async handle({ platform }) {
    if (platform.stopping.aborted) throw problem('shutting-down')
    const results = Object.entries(await platform.use(readiness).run())
    const broken = results.flatMap(([name, reason]) => (reason === undefined ? [] : [`${name} ${reason}`]))
    if (broken.length > 0)
      throw problem('not-ready', { detail: `Not ready: ${broken.join('; ')}.`, extensions: { reasons: broken } })
    return ok({ status: 'ready', checks: Object.fromEntries(results.map(([name]) => [name, 'ok' as const])) })
  },
})
