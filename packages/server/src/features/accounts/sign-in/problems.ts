import { problems } from '../../../platform/problems/problem.ts'

/** Refusals of the auth library; each carries its `code` and `message` as extension members. */
problems({
  'auth-request-refused': { status: 400, title: 'Authentication Request Refused' },
  'sign-in-failed': { status: 401, title: 'Sign-In Failed' },
  'sign-in-refused': { status: 403, title: 'Sign-In Refused' },
  'too-many-wrong-codes': { status: 429, title: 'Too Many Wrong Codes' },
  'sign-up-refused': { status: 422, title: 'Sign-Up Refused' },
})
