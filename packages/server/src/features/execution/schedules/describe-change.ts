import type { AuditSubject } from '../../../platform/audit/audit.ts'
import { changesBetween } from '../../../platform/audit/changes.ts'
import { toWireId } from '../../../platform/ids/id.ts'
import { toScheduleWire } from './schedule-wire.ts'
import type { Schedule } from './schedule.ts'

// They follow from the others.
const uninteresting = { updatedAt: null, createdAt: null, nextRunAt: null, lastRunAt: null }

/** What the audit log is told of a change. The log outlives what it tells of, so the content of runs stays out of it. */
export function describeChange(before: Schedule | undefined, after: Schedule): AuditSubject {
  const show = (schedule: Schedule | undefined) =>
    schedule === undefined ? {} : { ...toScheduleWire(schedule), ...uninteresting }
  return {
    resourceId: toWireId('sched', after.id),
    changes: changesBetween(show(before), show(after), {
      secret: after.endUserId === null ? ['input', 'config'] : ['name', 'input', 'config'],
    }),
  }
}
