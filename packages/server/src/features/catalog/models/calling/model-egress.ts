import { addressPolicy } from '../../../../platform/egress/address-policy.ts'
import { createEgress, type Egress, type GuardedFetch } from '../../../../platform/egress/egress.ts'
import type { Service } from '../../../../platform/platform.ts'
import { ModelCallError } from './model-call-error.ts'

/** Providers that allow it keep the connection between two steps of a run, while its tools work. */
const keepAliveMaxMs = 600_000

/** The process's guarded HTTP client for model calls, which keeps connections longer than that of webhooks. */
export const modelEgress: Service<Egress> = {
  name: 'model egress',
  open: ({ use }) => createEgress({ policy: use(addressPolicy), keepAliveMaxMs }),
  close: (instance) => instance.close(),
}

/**
 * A `fetch` that calls only URLs below a base URL, whatever the provider package makes of a model's id. Throws
 * ModelCallError for other URLs.
 */
export function fetchBelow(baseUrl: string, fetch: GuardedFetch): GuardedFetch {
  const base = new URL(`${baseUrl}/`)
  return async (url, request) => {
    const { origin, pathname } = new URL(url)
    if (origin === base.origin && pathname.startsWith(base.pathname)) return fetch(url, request)
    throw new ModelCallError({
      kind: 'bad-request',
      message: "The model's id is not valid: it leads to a path outside of the provider's base URL.",
      retryable: false,
    })
  }
}
