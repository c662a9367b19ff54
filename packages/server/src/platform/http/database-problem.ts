import type { FastifyRequest } from 'fastify'
import type { DatabaseFailure, DatabaseFailureKind } from '../db/database-failure.ts'
import { problem, type Problem } from '../problems/problem.ts'

const rows: Readonly<Record<DatabaseFailureKind, { readonly detail: string; readonly retryAfterSeconds: number }>> = {
  unavailable: { detail: 'The database is not available: try again in a few seconds.', retryAfterSeconds: 2 },
  timeout: { detail: 'The database takes too long to answer: try again in a few seconds.', retryAfterSeconds: 2 },
  locked: {
    detail: 'Another transaction holds a lock that this request needs: try again in a few seconds.',
    retryAfterSeconds: 2,
  },
  conflict: { detail: 'The request conflicted with another one: send it again.', retryAfterSeconds: 1 },
  full: {
    detail: 'The database has no room left. The operator of the server must make room before this can succeed.',
    retryAfterSeconds: 60,
  },
}

/** The reply to a request that failed because of the database. Says so if the request may have taken effect. */
export function databaseProblem(request: FastifyRequest, failure: DatabaseFailure): Problem {
  const { detail, retryAfterSeconds } = rows[failure.kind]
  return problem(failure.kind === 'full' ? 'insufficient-storage' : 'service-unavailable', {
    detail: failure.mayHaveTakenEffect && !isRepeatable(request) ? `${detail} ${mayHaveTakenEffect}` : detail,
    headers: { 'Retry-After': String(retryAfterSeconds) },
  })
}

const mayHaveTakenEffect =
  'The request may have taken effect: check before you send it again. ' +
  'With an Idempotency-Key, a request can be sent again safely where the endpoint supports it.'

// GET, HEAD, PUT and DELETE have the same effect when they are repeated; POST and PATCH need a key.
function isRepeatable({ method, state }: FastifyRequest): boolean {
  return (method !== 'POST' && method !== 'PATCH') || state.hasIdempotencyKey
}
