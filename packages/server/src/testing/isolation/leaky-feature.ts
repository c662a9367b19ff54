import { Type } from 'typebox'
import type { Db } from '../../platform/db/database.ts'
import { endpoint, hijacked, noContent, ok } from '../../platform/http/endpoint.ts'
import { feature } from '../../platform/http/feature.ts'
import { Nothing, WireId } from '../../platform/http/wire.ts'
import { toWireId } from '../../platform/ids/id.ts'

const base = {
  caller: 'application',
  permission: 'none',
  limit: 'default',
  idempotency: 'not-needed',
  audit: 'none',
  fails: [],
} as const
const runId = { id: 'run', missing: 'run-not-found' } as const

// The content of end-users is sealed. Ids are not, and count as secrets too.
async function listAll(db: Db) {
  const rows = await db.selectFrom('runs').select(['id', 'metadata']).execute()
  return rows.map(({ id, metadata }) => ({ id: toWireId('run', id), metadata }))
}

/** Ignores the scope. Uses the unscoped `platform.db`, because the request's `db` would not return the rows. */
const getLeakyRun = endpoint({
  ...base,
  route: 'GET /api/leaky-runs/:runId',
  summary: 'Shows any run',
  params: { runId },
  returns: { 200: Type.Object({ metadata: Type.Unknown() }) },
  async handle({ platform: { db }, params }) {
    return ok({ metadata: (await listAll(db)).find(({ id }) => id === toWireId('run', params.runId)) ?? null })
  },
})

/** Ignores the scope in a list. */
const listLeakyRuns = endpoint({
  ...base,
  route: 'GET /api/leaky-runs',
  summary: 'Lists all runs',
  returns: { 200: Type.Object({ data: Type.Array(Type.Unknown()) }) },
  handle: async ({ platform: { db } }) => ok({ data: await listAll(db) }),
})

/** Changes the run without checking the scope. */
const touchLeakyRun = endpoint({
  ...base,
  route: 'POST /api/leaky-runs/:runId/touch',
  summary: 'Changes any run',
  params: { runId },
  returns: { 204: Nothing },
  async handle({ platform: { db }, params }) {
    await db.updateTable('runs').set({ report: 'touched' }).where('id', '=', params.runId).execute()
    return noContent()
  },
})

/** Accepts an id in the body without checking its owner. */
const copyLeakyRun = endpoint({
  ...base,
  route: 'POST /api/leaky-copies',
  summary: 'Takes any run',
  body: Type.Object({ from: Type.Object({ runIds: Type.Array(WireId('run'), { minItems: 1 }) }) }),
  returns: { 204: Nothing },
  handle: async () => noContent(),
})

/** Filters by a foreign id without the scope. */
const findLeakyRuns = endpoint({
  ...base,
  route: 'GET /api/leaky-search',
  summary: 'Finds the runs of any file',
  query: { fileId: Type.Optional(WireId('file')) },
  returns: { 200: Type.Object({ data: Type.Array(Type.Unknown()) }) },
  handle: async ({ platform: { db }, query }) => ok({ data: query.fileId === undefined ? [] : await listAll(db) }),
})

/** Streams without the scope. */
const streamLeakyRuns = endpoint({
  ...base,
  caller: 'stream',
  route: 'GET /api/realtime/leaky-runs',
  summary: 'Streams all runs',
  returns: { 200: Type.String() },
  streams: 'text/event-stream',
  async handle({ platform: { db }, reply }) {
    reply.hijack()
    reply.raw.writeHead(200, { 'content-type': 'text/event-stream', connection: 'close' })
    let polls = 0
    const poll = setInterval(() => {
      polls += 1
      if (polls > 20) {
        clearInterval(poll)
        reply.raw.end()
      } else
        void listAll(db).then(
          (runs) => reply.raw.write(`data: ${JSON.stringify(runs)}\n\n`),
          () => undefined,
        )
    }, 50)
    return hijacked
  },
})

/** A feature with leaks, each of which must be found. */
export const leakyFeature = feature({
  folder: 'delivery/leaky',
  tag: 'Leaky',
  description: 'Leaks on purpose, to test the leak detection.',
  endpoints: { getLeakyRun, listLeakyRuns, touchLeakyRun, copyLeakyRun, findLeakyRuns, streamLeakyRuns },
})

/** The leaks that must be reported, at least. */
export const leaksThatMustShow: readonly RegExp[] = [
  /^getLeakyRun as a stranger's key, foreign path: the answer shows/,
  /^getLeakyRun as a stranger by cookie, foreign path: the request succeeded/,
  /^getLeakyRun as a stranger's end-user, foreign path: the request succeeded/,
  /^getLeakyRun as a key of the sibling application, foreign path: the request succeeded/,
  /^getLeakyRun as the second end-user, foreign path: the request succeeded/,
  /^listLeakyRuns as a stranger's key, foreign nothing: the answer shows/,
  /^listLeakyRuns as the second end-user, foreign nothing: the answer shows/,
  /^touchLeakyRun as a stranger by cookie, foreign path: the request succeeded/,
  /^copyLeakyRun as a stranger's key, foreign body: a foreign id in the body was accepted/,
  /^findLeakyRuns as a stranger's key, foreign query: the answer shows/,
  /^streamLeakyRuns as a stranger by cookie, foreign nothing: the answer shows/,
]
