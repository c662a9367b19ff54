import type { Tx } from '../../../platform/db/database.ts'
import type { AppScope } from '../../../platform/access/caller.ts'
import type { Platform } from '../../../platform/platform.ts'
import { contentSeals, deleteDataKey, lockEndUser } from '../../accounts/end-users/index.ts'
import { appendEvents, endRun, runUpdate, wakeAfterCancel, type StoredRun } from '../../execution/runs/index.ts'
import type { Erasure } from './erasure.ts'
import {
  anonymiseOutbox,
  anonymiseRuns,
  deleteEndUserRow,
  deleteEvents,
  deleteFiles,
  deleteNotifications,
  deleteSchedules,
  deleteWebhookEvents,
  insertErasure,
  lockRuns,
  lockSchedules,
  pauseRelay,
  takeTime,
} from './erasure-store.ts'

/** What was erased, and what is left to do when that is committed. */
export interface Erased {
  readonly erasure: Erasure
  readonly fileIds: readonly string[]
  readonly cancelled: readonly StoredRun[]
}

/**
 * Erases an end-user in one transaction: all of it happens, or nothing. What makes things of theirs holds their row first,
 * so it is either here to be erased or comes too late. Throws end-user-not-found.
 */
export async function erase(
  tx: Tx,
  scope: AppScope,
  { endUserId, now }: { endUserId: string; now: Date },
): Promise<Erased> {
  await takeTime(tx)
  await pauseRelay(tx)
  await lockEndUser(tx, scope, endUserId)
  await lockSchedules(tx, scope, endUserId)
  const whose = { ...scope, endUserId }
  const activeIds = await lockRuns(tx, whose)
  const runEvents = await deleteEvents(tx, whose)
  const files = await deleteFiles(tx, whose)
  const schedules = await deleteSchedules(tx, whose)
  const notifications = await deleteNotifications(tx, whose)
  const webhookEvents = await deleteWebhookEvents(tx, whose)
  await anonymiseOutbox(tx, whose)
  const anonymised = await anonymiseRuns(tx, whose)
  // After they became nobody's: what others are told of their end is nobody's too.
  const cancelled = await cancelAll(tx, activeIds)
  await deleteDataKey(tx, whose)
  await deleteEndUserRow(tx, whose)
  const erasure: Erasure = {
    endUserId,
    erasedAt: now,
    report: {
      runs: { anonymised, cancelled: cancelled.length },
      runEvents: { deleted: runEvents },
      files: { deleted: files.ids.length, bytes: files.bytes },
      schedules: { deleted: schedules },
      notifications: { deleted: notifications },
      webhookEvents: { deleted: webhookEvents },
      connections: { deleted: 0 },
      dataKey: 'destroyed',
    },
  }
  await insertErasure(tx, scope, erasure)
  return { erasure, fileIds: files.ids, cancelled }
}

async function cancelAll(tx: Tx, runIds: readonly string[]): Promise<StoredRun[]> {
  const cancelled: StoredRun[] = []
  for (const id of runIds) {
    const run = await endRun(tx, id, {
      status: 'cancelled',
      error: { code: 'cancelled', message: 'Cancelled because its end-user was erased.' },
    })
    await appendEvents(tx, run, [runUpdate(run, 'cancelled')])
    cancelled.push(run)
  }
  return cancelled
}

/** Once the erasure is committed: makes every node forget the key, stop the runs and end the streams, and removes the files from disk. */
export async function finishErasure(platform: Platform, { erasure, fileIds, cancelled }: Erased): Promise<void> {
  platform.use(contentSeals).forget(erasure.endUserId)
  platform.wake.wake('keys', erasure.endUserId)
  for (const run of cancelled) wakeAfterCancel(platform.wake, run)
  platform.wake.wake('outbox', '')
  for (const id of fileIds) {
    await platform.blobs
      .remove(id)
      .catch((error: unknown) => platform.log.warn({ err: error, fileId: id }, 'A blob was left for the sweep.'))
  }
}
