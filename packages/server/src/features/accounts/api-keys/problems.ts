import { problems } from '../../../platform/problems/problem.ts'

problems({
  'api-key-not-found': { status: 404, title: 'API Key Not Found' },
  'api-key-expired': { status: 409, title: 'API Key Expired' },
})
