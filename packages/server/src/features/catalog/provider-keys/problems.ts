import { problems } from '../../../platform/problems/problem.ts'

problems({
  'provider-key-not-found': { status: 404, title: 'Provider Key Not Found' },
})
