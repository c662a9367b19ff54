import { problems } from '../../../platform/http/problem.ts'

problems({
  'default-application': { status: 409, title: 'Default Application' },
  'application-in-use': { status: 409, title: 'Application In Use' },
})
