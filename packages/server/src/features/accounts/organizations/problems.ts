import { problems } from '../../../platform/http/problem.ts'

problems({
  'slug-taken': { status: 409, title: 'Slug Taken' },
  'org-in-use': { status: 409, title: 'Organization In Use' },
})
