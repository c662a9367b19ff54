import { problems } from '../../../platform/http/problem.ts'

problems({
  'session-not-found': { status: 404, title: 'Session Not Found' },
})
