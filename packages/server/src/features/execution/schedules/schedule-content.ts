import type { Platform } from '../../../platform/platform.ts'
import { contentSeals, type ContentSeal } from '../../accounts/end-users/index.ts'
import { toRecord } from '../runs/index.ts'
import type { Schedule, ScheduleSettings } from './schedule.ts'

/** A schedule as it is stored: an end-user's schedule has its content sealed with their key. */
export type StoredSchedule = Schedule

/** The schedule with its content decrypted. */
export async function unsealSchedule<T extends StoredSchedule>(
  platform: Pick<Platform, 'db' | 'use'>,
  stored: T,
): Promise<T> {
  const sealOf = await platform.use(contentSeals).ofAll(platform.db, stored.applicationId, [stored.endUserId])
  return unsealSettings(sealOf(stored.endUserId), stored)
}

/** The settings with their content decrypted. */
export function unsealSettings<T extends ScheduleSettings>(seal: ContentSeal, stored: T): T {
  return {
    ...stored,
    name: stored.name === null ? null : seal.unsealText(stored.name),
    input: toRecord(seal.unseal(stored.input)),
    config: toRecord(seal.unseal(stored.config)),
  }
}

/** The settings in stored form. */
export function sealSettings<T extends ScheduleSettings>(seal: ContentSeal, settings: T): T {
  return {
    ...settings,
    name: settings.name === null ? null : seal.sealText(settings.name),
    input: toRecord(seal.seal(settings.input)),
    config: toRecord(seal.seal(settings.config)),
  }
}
