import { problems } from '../../../platform/problems/problem.ts'

problems({
  'end-user-not-found': { status: 404, title: 'End-User Not Found' },
  'external-id-taken': { status: 409, title: 'External Id Taken' },
  'email-taken': { status: 409, title: 'E-Mail Taken' },
})
