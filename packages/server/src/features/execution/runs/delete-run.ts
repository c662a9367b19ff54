import { endpoint, noContent } from '../../../platform/http/endpoint.ts'
import { problem } from '../../../platform/problems/problem.ts'
import { foundOr } from '../../../platform/problems/found-or.ts'
import { Nothing } from '../../../platform/http/wire.ts'
import { toWireId } from '../../../platform/ids/id.ts'
import { deleteRunFiles } from '../files/index.ts'
import { deleteRunRow, lockRun } from './run-store.ts'
import { isTerminal } from './run.ts'

export const deleteRun = endpoint({
  route: 'DELETE /api/runs/:runId',
  summary: 'Delete an ended run',
  description:
    'Deletes the run with its log and its output files. Its input files stay. ' +
    'Refused while an unfinished run uses one of its output files as input.',
  caller: 'application',
  permission: 'runs:delete',
  forEndUsers: true,
  limit: 'default',
  idempotency: 'not-needed',
  audit: 'run.deleted',
  params: { runId: { id: 'run', missing: 'run-not-found' } },
  returns: { 204: Nothing },
  fails: ['run-in-progress', 'file-in-use'],
  async handle({ scope, params, platform, change, log }) {
    const fileIds = await change(
      async (tx) => {
        const run = foundOr(await lockRun(tx, scope, params.runId), 'run-not-found')
        if (!isTerminal(run.status))
          throw problem('run-in-progress', { detail: `The run is ${run.status}: cancel it first.` })
        const made = await deleteRunFiles(tx, scope, { id: run.id, hooks: platform.hooks })
        await deleteRunRow(tx, scope, run.id)
        return made
      },
      () => toWireId('run', params.runId),
    )
    for (const id of fileIds)
      await platform.blobs
        .remove(id)
        .catch((error: unknown) =>
          log.warn({ err: error, fileId: id }, 'A blob could not be deleted; the sweep deletes it later.'),
        )
    return noContent()
  },
})
