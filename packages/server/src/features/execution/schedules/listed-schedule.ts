import { Type } from 'typebox'
import type { AppScope } from '../../../platform/access/caller.ts'
import type { Db } from '../../../platform/db/database.ts'
import type { RequestedPage, Slice } from '../../../platform/lists/load-page.ts'
import { fitContents } from '../../../platform/lists/postgres-contents.ts'
import type { Platform } from '../../../platform/platform.ts'
import { contentSeals } from '../../accounts/end-users/index.ts'
import { toRecord } from '../runs/index.ts'
import { loadScheduleContents, loadSchedules, scheduleContents, type ScheduleFilters } from './schedule-list-store.ts'
import type { Schedule, ScheduleContent, ScheduleSummary } from './schedule.ts'

const contentFields = ['input', 'config'] as const satisfies readonly ScheduleContent[]

/** The query of lists of schedules that asks for contents. */
export const includeQuery = {
  include: Type.Optional(
    Type.String({
      pattern: '^(input|config)(,(input|config))*$',
      maxLength: 100,
      examples: ['input,config'],
      description:
        'Fields to add to each schedule, separated by commas: `input`, `config`. ' +
        'A page has at most 4 MiB of them, or one schedule: it then holds fewer schedules, and `nextCursor` ' +
        'continues. With `page`, it holds all its schedules, the last of them without these fields.',
    }),
  ),
}

/** A schedule, and the contents that are shown with it. */
export type ListedSchedule = ScheduleSummary & Partial<Pick<Schedule, ScheduleContent>>

/** A page of schedules as lists show them, with the contents that the query includes. */
export async function loadListedSchedules(
  { db, scope, platform }: { readonly db: Db; readonly scope: AppScope; readonly platform: Platform },
  list: {
    readonly page: RequestedPage<string>
    readonly filters: ScheduleFilters
    readonly include: string | undefined
  },
): Promise<Slice<ListedSchedule>> {
  const { page, filters, include } = list
  const found = await loadSchedules(db, scope, { page, filters })
  const fields = contentFields.filter((field) => include?.split(',').includes(field))
  const slice =
    fields.length === 0
      ? { ...found, fitting: 0 }
      : await fitContents(db, found, { page, contents: scheduleContents(fields) })
  const ids = slice.items.slice(0, slice.fitting).map(({ id }) => id)
  const contents = await loadScheduleContents(db, { ids, fields })
  const sealOf = await platform
    .use(contentSeals)
    .ofAll(platform.db, scope.applicationId, new Set(slice.items.map(({ endUserId }) => endUserId)))
  return {
    ...slice,
    items: slice.items.map((schedule) => {
      const seal = sealOf(schedule.endUserId)
      const { input, config } = contents.get(schedule.id) ?? {}
      return {
        ...schedule,
        name: schedule.name === null ? null : seal.unsealText(schedule.name),
        ...(input === undefined ? {} : { input: toRecord(seal.unseal(input)) }),
        ...(config === undefined ? {} : { config: toRecord(seal.unseal(config)) }),
      }
    }),
  }
}
