import { problems } from '../../../platform/http/problem.ts'

problems({
  'notification-not-found': { status: 404, title: 'Notification Not Found' },
})
