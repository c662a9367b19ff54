import type { ProblemTable } from '../problems/problem.ts'
import type { Feature } from './feature.ts'

/** What the HTTP layer itself can answer, on any endpoint. */
export const httpProblems = {
  'malformed-request': { status: 400, title: 'Malformed Request' },
  'malformed-json': { status: 400, title: 'Malformed JSON' },
  'missing-org-id': { status: 400, title: 'Missing Organization Id' },
  'missing-app-id': { status: 400, title: 'Missing Application Id' },
  'invalid-api-version': { status: 400, title: 'Invalid API Version' },
  'unsupported-api-version': { status: 400, title: 'Unsupported API Version' },
  'invalid-idempotency-key': { status: 400, title: 'Invalid Idempotency Key' },
  'header-not-allowed': { status: 400, title: 'Header Not Allowed' },
  'invalid-end-user-id': { status: 400, title: 'Invalid End-User Id' },
  unauthorized: { status: 401, title: 'Unauthorized' },
  forbidden: { status: 403, title: 'Forbidden' },
  'session-required': { status: 403, title: 'Session Required' },
  'administrator-required': { status: 403, title: 'Administrator Required' },
  'reauthentication-required': { status: 403, title: 'Reauthentication Required' },
  'organization-suspended': { status: 403, title: 'Organization Suspended' },
  'org-mismatch': { status: 403, title: 'Organization Mismatch' },
  'app-mismatch': { status: 403, title: 'Application Mismatch' },
  'invalid-end-user': { status: 403, title: 'Invalid End-User' },
  'origin-not-allowed': { status: 403, title: 'Origin Not Allowed' },
  'not-found': { status: 404, title: 'Not Found' },
  'org-not-found': { status: 404, title: 'Organization Not Found' },
  'app-not-found': { status: 404, title: 'Application Not Found' },
  'method-not-allowed': { status: 405, title: 'Method Not Allowed' },
  'request-timeout': { status: 408, title: 'Request Timeout' },
  'idempotency-in-progress': { status: 409, title: 'Idempotency Conflict' },
  'idempotency-result-deleted': { status: 410, title: 'Idempotency Result Deleted' },
  'payload-too-large': { status: 413, title: 'Payload Too Large' },
  'uri-too-long': { status: 414, title: 'URI Too Long' },
  'unsupported-media-type': { status: 415, title: 'Unsupported Media Type' },
  'validation-error': { status: 422, title: 'Validation Error' },
  'idempotency-key-reuse': { status: 422, title: 'Idempotency Key Reuse' },
  'rate-limited': { status: 429, title: 'Too Many Requests' },
  'headers-too-large': { status: 431, title: 'Request Header Fields Too Large' },
  'internal-error': { status: 500, title: 'Internal Error' },
  'service-unavailable': { status: 503, title: 'Service Unavailable' },
  'shutting-down': { status: 503, title: 'Shutting Down' },
  'not-ready': { status: 503, title: 'Not Ready' },
  'insufficient-storage': { status: 507, title: 'Insufficient Storage' },
} as const

declare module '../vocabulary/vocabulary.ts' {
  interface ProblemCatalogue extends Readonly<typeof httpProblems> {}
}

/** The problems of the HTTP layer and of the features. */
export function problemTable(features: readonly Feature[]): ProblemTable {
  return new Map(
    [httpProblems, ...features.map(({ problems }) => problems ?? {})].flatMap((rows) => Object.entries(rows)),
  )
}
