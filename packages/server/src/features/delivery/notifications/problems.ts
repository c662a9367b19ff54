import { problems } from '../../../platform/problems/problem.ts'

problems({
  'notification-not-found': { status: 404, title: 'Notification Not Found' },
})
