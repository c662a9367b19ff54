import { Agent, fetch as fetchThrough } from 'undici'
import { guardedConnector } from '../../../../platform/egress/guarded-connector.ts'
import { providerAddressRule } from '../../provider-keys/index.ts'

export interface GuardedRequest {
  readonly method: string
  readonly headers: Headers
  readonly body: string | null
  readonly signal: AbortSignal | null
}

/**
 * `fetch` for addresses that organizations set. Checks each resolved address before it connects, and follows no
 * redirect, which could send the key to another host. Throws the errors of `fetch`, with EgressRefused as a cause.
 */
export async function guardedFetch(url: string | URL, { headers, ...request }: GuardedRequest): Promise<Response> {
  const {
    status,
    statusText,
    body: stream,
    headers: replied,
  } = await fetchThrough(url, {
    ...request,
    headers: [...headers],
    redirect: 'manual',
    dispatcher: agent,
  })
  return new Response(stream, { status, statusText, headers: [...replied] })
}

const agent = new Agent({ connect: guardedConnector(providerAddressRule), allowH2: false })
