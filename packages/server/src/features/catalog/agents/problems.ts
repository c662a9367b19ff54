import { problems } from '../../../platform/problems/problem.ts'

problems({
  'agent-not-found': { status: 404, title: 'Agent Not Found' },
  'agent-version-not-found': { status: 404, title: 'Agent Version Not Found' },
  'agent-name-taken': { status: 409, title: 'Agent Name Taken' },
  'agent-in-use': { status: 409, title: 'Agent In Use' },
  'version-not-higher': { status: 409, title: 'Version Not Higher' },
})
