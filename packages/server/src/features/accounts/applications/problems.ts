import { problems } from '../../../platform/problems/problem.ts'

problems({
  'default-application': { status: 409, title: 'Default Application' },
  'application-in-use': { status: 409, title: 'Application In Use' },
})
