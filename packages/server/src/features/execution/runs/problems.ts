import { problems } from '../../../platform/problems/problem.ts'

problems({
  'run-not-found': { status: 404, title: 'Run Not Found' },
  'run-not-ready': { status: 422, title: 'Run Not Ready' },
  'run-already-finished': { status: 409, title: 'Run Already Finished' },
  'run-in-progress': { status: 409, title: 'Run In Progress' },
})
