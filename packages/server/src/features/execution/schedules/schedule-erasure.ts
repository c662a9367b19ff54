import { Type } from 'typebox'
import type { ErasedBatch, EraseHook } from '../../../platform/hooks/hooks.ts'
import { detachFromSchedules } from '../runs/index.ts'
import { deleteFires, deleteLockedSchedules, lockSchedulesOf } from './erased-schedule-store.ts'

/** Deletes an end-user's schedules, after their many fires and the references of their runs. */
export const eraseSchedules: EraseHook = {
  order: 20,
  report: { schedules: Type.Object({ deleted: Type.Integer({ minimum: 0 }) }) },
  async erase(tx, whose, limit) {
    const ids = await lockSchedulesOf(tx, whose)
    if (ids.length === 0) return batchOf(0, 0)
    const rows = (await deleteFires(tx, ids, limit)) + (await detachFromSchedules(tx, ids, limit))
    if (rows > 0) return batchOf(rows, 0)
    await deleteLockedSchedules(tx, ids)
    return batchOf(ids.length, ids.length)
  },
}

const batchOf = (rows: number, deleted: number): ErasedBatch => ({ rows, counts: { schedules: { deleted } } })
