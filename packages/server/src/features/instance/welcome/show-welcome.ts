import { Readable } from 'node:stream'
import { Type } from 'typebox'
import { endpoint } from '../../../platform/http/endpoint.ts'
import { policyOfPage } from '../../../platform/http/security-headers.ts'
import { welcomePage } from './welcome-page.ts'

export const showWelcome = endpoint({
  route: 'GET /',
  summary: 'The welcome page',
  caller: 'anyone',
  permission: 'none',
  limit: 'default',
  idempotency: 'not-needed',
  audit: 'none',
  returns: { 200: Type.String() },
  streams: 'text/html',
  undocumented: true,
  fails: [],
  handle: async () => ({
    status: 200,
    stream: Readable.from([welcomePage]),
    headers: {
      'content-type': 'text/html; charset=utf-8',
      'content-security-policy': policyOfPage(welcomePage),
      'cache-control': 'no-cache',
    },
  }),
})
