import { readWriteDelete, rights } from '../../../platform/access/permissions.ts'
import { feature } from '../../../platform/http/feature.ts'
import { removeFires } from './fire-store.ts'
import { createAgentSchedule } from './create-agent-schedule.ts'
import { createSchedule } from './create-schedule.ts'
import { deleteSchedule } from './delete-schedule.ts'
import { fireDueSchedules } from './fire-due-schedules.job.ts'
import { queuedFires } from './firing/queued-fires.ts'
import { getSchedule } from './get-schedule.ts'
import { listAgentSchedules } from './list-agent-schedules.ts'
import { listScheduleFires } from './list-schedule-fires.ts'
import { listScheduleRuns } from './list-schedule-runs.ts'
import { listSchedules } from './list-schedules.ts'
import { previewCronExpression } from './preview-cron-expression.ts'
import { previewSchedule } from './preview-schedule.ts'
import { removeOldFires } from './remove-old-fires.job.ts'
import { runSchedule } from './run-schedule.ts'
import { eraseSchedules } from './schedule-erasure.ts'
import { detachSchedules, schedulesOf, removeSchedules, isScheduleKept } from './schedule-store.ts'
import { updateSchedule } from './update-schedule.ts'

const problems = {
  'schedule-not-found': { status: 404, title: 'Schedule Not Found' },
  'too-many-schedules': { status: 409, title: 'Too Many Schedules' },
} as const
const idPrefixes = { sched: 'A schedule.' } as const
const wakes = { schedules: 'The next fire of a schedule moved.' } as const
const permissions = {
  schedules: rights({ owner: readWriteDelete, member: readWriteDelete, viewer: ['read'], grantable: true }),
}

declare module '../../../platform/vocabulary/vocabulary.ts' {
  interface ProblemCatalogue extends Readonly<typeof problems> {}
  interface IdPrefixes extends Readonly<typeof idPrefixes> {}
  interface WakeTopics extends Readonly<typeof wakes> {}
}

export const schedulesFeature = feature({
  folder: 'execution/schedules',
  tag: 'Schedules',
  description: 'Schedules that run agents automatically: cron expressions in a time zone.',
  problems,
  idPrefixes,
  wakes,
  permissions,
  isKept: { sched: isScheduleKept },
  endpoints: {
    createSchedule,
    createAgentSchedule,
    listSchedules,
    listAgentSchedules,
    previewCronExpression,
    getSchedule,
    updateSchedule,
    deleteSchedule,
    runSchedule,
    previewSchedule,
    listScheduleRuns,
    listScheduleFires,
  },
  removes: { application: { schedules: removeSchedules, schedule_fires: removeFires } },
  owns: ['schedules', 'schedule_fires'],
  contents: { application: { schedules: { rows: schedulesOf } } },
  memberLeft: detachSchedules,
  erase: eraseSchedules,
  jobs: [fireDueSchedules, removeOldFires],
  reader: queuedFires,
})
