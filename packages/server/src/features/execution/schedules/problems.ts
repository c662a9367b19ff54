import { problems } from '../../../platform/problems/problem.ts'

problems({
  'schedule-not-found': { status: 404, title: 'Schedule Not Found' },
  'too-many-schedules': { status: 409, title: 'Too Many Schedules' },
})
