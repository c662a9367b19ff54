import { Type } from 'typebox'
import { endpoint, ok, smallBodyBytes } from '../../../platform/http/endpoint.ts'
import { callLibrary } from './forward-to-auth-library.ts'

export const signOut = endpoint({
  route: 'POST /api/auth/sign-out',
  summary: 'Sign out',
  description: 'Ends the session and clears its cookies.',
  caller: 'anyone',
  permission: 'none',
  limit: 'default',
  idempotency: 'not-needed',
  audit: 'none',
  body: Type.Object({}),
  bodyKind: 'optional-json',
  bodyBytesMax: smallBodyBytes,
  returns: { 200: Type.Object({ success: Type.Boolean() }) },
  fails: ['origin-not-allowed'],
  async handle(http) {
    await callLibrary(http, { method: 'POST' })
    return ok({ success: true })
  },
})
