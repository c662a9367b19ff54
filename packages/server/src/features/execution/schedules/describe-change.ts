import type { AuditSubject } from '../../../platform/audit/audit.ts'
import { changesBetween } from '../../../platform/audit/changes.ts'
import { toWireId } from '../../../platform/ids/id.ts'
import { toScheduleWire } from './schedule-wire.ts'
import type { Schedule } from './schedule.ts'

// Times that follow from the other fields are not recorded.
const unrecorded = { updatedAt: null, createdAt: null, nextRunAt: null, lastRunAt: null }

/** The audit entry of a change. It excludes the content of runs, because audit entries outlive the schedule. */
export function describeChange(before: Schedule | undefined, after: Schedule): AuditSubject {
  const show = (schedule: Schedule | undefined) =>
    schedule === undefined ? {} : { ...toScheduleWire(schedule), ...unrecorded }
  return {
    resourceId: toWireId('sched', after.id),
    changes: changesBetween(show(before), show(after), {
      secret: after.endUserId === null ? ['input', 'config'] : ['name', 'input', 'config'],
    }),
  }
}
