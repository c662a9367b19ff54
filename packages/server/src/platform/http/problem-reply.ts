import type { FastifyReply, FastifyRequest } from 'fastify'
import { databaseFailureOf } from '../db/database-failure.ts'
import { maskPath } from '../log/log.ts'
import { databaseProblem } from './database-problem.ts'
import {
  problem,
  Problem,
  problemRow,
  type ProblemCode,
  type ProblemRow,
  type ProblemTable,
} from '../problems/problem.ts'

/** The framework's errors, as problem codes. */
const frameworkCodes: Readonly<Record<string, ProblemCode>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: 'payload-too-large',
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'unsupported-media-type',
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: 'malformed-request',
  FST_REQ_FILE_TOO_LARGE: 'payload-too-large',
  FST_PARTS_LIMIT: 'payload-too-large',
  FST_FILES_LIMIT: 'payload-too-large',
  FST_FIELDS_LIMIT: 'payload-too-large',
  FST_INVALID_MULTIPART_CONTENT_TYPE: 'unsupported-media-type',
}

/** SQLSTATEs of text that PostgreSQL cannot store. The checks of bodies miss some, such as names of uploaded files. */
const unstorableText: ReadonlySet<string> = new Set(['22021', '22P05'])

const advice: Partial<Record<ProblemCode, string>> = {
  'unsupported-media-type': 'The endpoint does not accept this Content-Type: see its description at /api/docs.',
  'payload-too-large': 'The body is larger than this endpoint accepts.',
  'malformed-request': 'The request is not well-formed HTTP.',
  'validation-error': 'A text contains a character that cannot be stored.',
  'internal-error': 'The request failed because of a server error. The log has the cause under this requestId.',
}

/** Converts an error to a problem; an unknown error becomes `internal-error`. */
function toProblem(problems: ProblemTable, request: FastifyRequest, error: unknown): Problem {
  if (error instanceof Problem && problems.has(error.code)) return error
  const failure = databaseFailureOf(error)
  if (failure !== undefined) return databaseProblem(request, failure)
  const code = codeOf(request, error)
  return problem(code, { ...(advice[code] === undefined ? {} : { detail: advice[code] }) })
}

function codeOf(request: FastifyRequest, error: unknown): ProblemCode {
  if (!isCoded(error)) return 'internal-error'
  if (unstorableText.has(error.code)) return 'validation-error'
  // An unlisted framework error with a 4xx status must not become an internal error.
  const isRefusal = error.code.startsWith('FST_') && error.statusCode !== undefined && error.statusCode < 500
  return frameworkCodes[error.code] ?? (isRefusal || hasHungUp(request) ? 'malformed-request' : 'internal-error')
}

// The code of an error does not say whose connection was reset. It is the client's if the request is incomplete.
function hasHungUp({ raw }: FastifyRequest): boolean {
  return raw.destroyed && !raw.complete
}

/** Sends the problem (RFC 9457), and logs a server error once with its cause. */
export function sendProblem(
  problems: ProblemTable,
  { request, reply }: { request: FastifyRequest; reply: FastifyReply },
  error: unknown,
): FastifyReply {
  const failure = toProblem(problems, request, error)
  const { options } = failure
  const row = problemRow(problems, failure.code)
  if (row.status >= 500 && options.isReported !== true)
    request.log.error({ err: error, path: pathOf(request.originalUrl), ...options.internal }, 'The request failed.')
  return reply
    .code(row.status)
    .headers({ ...(row.status === 401 ? challenge : {}), ...options.headers })
    .header('content-type', problemContentType)
    .send(problemBody(failure, row, { instance: pathOf(request.originalUrl), requestId: request.id }))
}

/** RFC 9110 section 15.5.2 requires it with every 401; browsers show no dialog for this scheme. */
const challenge = { 'WWW-Authenticate': 'Bearer realm="Appstrate"' }

export const problemContentType = 'application/problem+json; charset=utf-8'

/** The body of a problem reply, as JSON. */
export function problemBody(
  { code, options }: Problem,
  row: ProblemRow,
  { instance, requestId }: { instance: string; requestId: string },
): string {
  return JSON.stringify({
    type: problemType(code),
    title: row.title,
    status: row.status,
    detail: options.detail ?? `${row.title}.`,
    instance,
    requestId,
    ...(options.errors === undefined ? {} : { errors: options.errors }),
    ...options.extensions,
  })
}

export function problemType(code: string): string {
  return `https://appstrate.dev/errors/${code}`
}

/** The path of a URL without its query, which may contain a token. */
export function pathOf(url: string): string {
  return maskPath(url.split('?', 1)[0] ?? '')
}

function isCoded(error: unknown): error is Error & { code: string; statusCode?: number } {
  return error instanceof Error && 'code' in error && typeof error.code === 'string'
}
