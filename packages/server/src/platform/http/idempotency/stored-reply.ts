import type { FastifyReply, FastifyRequest } from 'fastify'
import type { ApiParts, Operation } from '../api.ts'
import type { JsonReply, Returns } from '../endpoint.ts'
import type { StoredReply } from './idempotency.ts'

export type Http = { readonly request: FastifyRequest; readonly reply: FastifyReply }

/** The reply that a handler returned, in the API version of the request. */
export function present(
  { platform }: ApiParts,
  { id }: Operation,
  { http, result }: { http: Http; result: JsonReply<Returns> },
): StoredReply {
  const { apiVersion } = http.request.state
  const status = Number(result.status)
  const headers = result.headers ?? {}
  if (status === 204) return { status, headers, body: '' }
  const newest = String(http.reply.code(status).serialize(result.body))
  const body =
    apiVersion === platform.versions.current
      ? newest
      : JSON.stringify(platform.versions.downgradeReply(apiVersion, id, JSON.parse(newest)))
  // Store the version too: a replay has the shape of the first reply, regardless of the version of the new request.
  return {
    status,
    headers: { ...headers, 'content-type': 'application/json; charset=utf-8', 'appstrate-version': apiVersion },
    body,
  }
}

/** Sends a reply that was presented now or for an earlier request. */
export function sendStored(reply: FastifyReply, stored: StoredReply): FastifyReply {
  reply.code(stored.status).headers(stored.headers)
  return stored.body === '' ? reply.send() : reply.send(stored.body)
}
