import { problems } from '../../../platform/problems/problem.ts'

problems({
  'model-not-found': { status: 404, title: 'Model Not Found' },
})
