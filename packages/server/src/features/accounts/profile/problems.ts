import { problems } from '../../../platform/problems/problem.ts'

problems({
  'session-not-found': { status: 404, title: 'Session Not Found' },
})
