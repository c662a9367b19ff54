import type { FastifyInstance } from 'fastify'
import { problem } from '../problems/problem.ts'

/** Parses JSON bodies and keeps their bytes, which idempotency compares. Other types answer 415. */
export function parseJsonBodies(app: FastifyInstance): void {
  app.removeAllContentTypeParsers()
  app.addContentTypeParser<Buffer>('application/json', { parseAs: 'buffer' }, (request, body, done) => {
    request.state.rawBody = body
    if (body.length === 0) return done(null, undefined)
    try {
      done(null, parseJson(body))
    } catch (error) {
      const reason =
        error instanceof SyntaxError ? error.message.replace(/, (?:\.\.\.)?"[\s\S]*$/, '') : 'it is not valid UTF-8'
      done(problem('malformed-json', { detail: `The body is not valid JSON: ${reason}.` }))
    }
  })
}

const utf8 = new TextDecoder('utf-8', { fatal: true })

function parseJson(body: Buffer): unknown {
  // A `__proto__` key becomes an own property here, and findUnsafeValues refuses it: no prototype is changed.
  return JSON.parse(utf8.decode(body))
}
