import { problems } from '../../../platform/problems/problem.ts'

problems({
  'slug-taken': { status: 409, title: 'Slug Taken' },
  'org-in-use': { status: 409, title: 'Organization In Use' },
})
