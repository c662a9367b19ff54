import { Type } from 'typebox'
import type { EraseHook } from '../../../platform/hooks/hooks.ts'
import { deleteSchedulesOf, lockSchedulesOf } from './schedule-store.ts'

/** Deletes an end-user's schedules. Locks them before the runs, in the order of a fire: the schedule, then its run. */
export const eraseSchedules: EraseHook = {
  order: 10,
  report: { schedules: Type.Object({ deleted: Type.Integer({ minimum: 0 }) }) },
  async lock(tx, whose) {
    await lockSchedulesOf(tx, whose)
    return async () => ({ report: { schedules: { deleted: await deleteSchedulesOf(tx, whose) } } })
  },
}
