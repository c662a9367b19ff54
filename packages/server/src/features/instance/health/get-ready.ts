import { Type } from 'typebox'
import { endpoint, ok } from '../../../platform/http/endpoint.ts'
import { problem } from '../../../platform/problems/problem.ts'
import { readiness } from './readiness.ts'

export const getReady = endpoint({
  route: 'GET /ready',
  summary: 'Readiness',
  description:
    'Checks the database, the queue, the sandbox and the log. Send traffic only to processes that are ready. ' +
    'A process that serves although a component does not work is ready, and names it in `degraded`.',
  caller: 'anyone',
  permission: 'none',
  limit: 'default',
  vital: true,
  idempotency: 'not-needed',
  audit: 'none',
  returns: {
    200: Type.Object({
      status: Type.Literal('ready'),
      checks: Type.Record(Type.String(), Type.Literal('ok')),
      degraded: Type.Optional(Type.Array(Type.String({ description: 'A component and why it does not work.' }))),
    }),
  },
  fails: ['not-ready', 'shutting-down'],
  async handle({ platform }) {
    if (platform.draining.aborted) throw problem('shutting-down')
    const checks = platform.use(readiness)
    const results = Object.entries(await checks.run())
    const broken = results.flatMap(([name, reason]) =>
      reason === undefined ? [] : [{ name, said: `${name} ${reason}` }],
    )
    const reasons = broken.filter(({ name }) => checks.isRequired(name)).map(({ said }) => said)
    if (reasons.length > 0)
      throw problem('not-ready', { detail: `Not ready: ${reasons.join('; ')}.`, extensions: { reasons } })
    const working = results.filter(([, reason]) => reason === undefined)
    const degraded = [...broken.map(({ said }) => said), ...checks.degraded()]
    return ok({
      status: 'ready',
      checks: Object.fromEntries(working.map(([name]) => [name, 'ok' as const])),
      ...(degraded.length === 0 ? {} : { degraded }),
    })
  },
})
