import { problems } from '../../../platform/http/problem.ts'

problems({
  'provider-key-not-found': { status: 404, title: 'Provider Key Not Found' },
})
