import { problems } from '../../../platform/http/problem.ts'

problems({
  'model-not-found': { status: 404, title: 'Model Not Found' },
})
