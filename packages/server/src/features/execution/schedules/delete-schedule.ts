import { endpoint, noContent } from '../../../platform/http/endpoint.ts'
import { foundOr } from '../../../platform/problems/found-or.ts'
import { Nothing } from '../../../platform/http/wire.ts'
import { toWireId } from '../../../platform/ids/id.ts'
import { deleteScheduleRow, lockSchedule } from './schedule-store.ts'

export const deleteSchedule = endpoint({
  route: 'DELETE /api/schedules/:scheduleId',
  summary: 'Delete a schedule',
  description: 'The schedule stops firing. Its runs are kept and those that have not ended continue.',
  caller: 'application',
  permission: 'schedules:delete',
  forEndUsers: true,
  limit: 'default',
  idempotency: 'not-needed',
  audit: 'schedule.deleted',
  params: { scheduleId: { id: 'sched', missing: 'schedule-not-found' } },
  returns: { 204: Nothing },
  fails: [],
  async handle({ params, scope, change }) {
    await change(
      async (tx) => {
        const schedule = foundOr(await lockSchedule(tx, scope, params.scheduleId), 'schedule-not-found')
        await deleteScheduleRow(tx, scope, schedule.id)
      },
      () => toWireId('sched', params.scheduleId),
    )
    return noContent()
  },
})
