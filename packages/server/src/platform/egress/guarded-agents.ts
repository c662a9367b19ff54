import { isIP } from 'node:net'
import { Agent, Pool, type Dispatcher } from 'undici'
import { isNamedDestination, verdictOf, type AddressPolicy } from './address-policy.ts'
import { destinationOf } from '../addresses/destination.ts'
import { EgressError, isBeforeConnection } from './egress-error.ts'
import { isLocalName } from './egress-url.ts'
import { guardedConnector, InternalName, type GuardedConnectorOptions, type Reach } from './guarded-connector.ts'

const headerBytesMax = 16_384
/** How long an idle connection is kept, at most, unless the options say otherwise. */
const keepAliveMs = 4_000

export interface GuardedAgentsOptions extends GuardedConnectorOptions {
  /** How long an idle connection is kept when the server allows it. Its address was checked when it was opened. */
  readonly keepAliveMaxMs?: number
}

/** Learns that the outcome of a call must be hidden from users. */
export interface HiddenWatch {
  /**
   * Called before the outcome of a call to an internal address is known to its caller: a reply, or a failure other
   * than that of the guard or of DNS, which say nothing about the server there.
   */
  readonly onHidden: () => void
  /** Its abort is an outcome too: it says that the server did not answer in time. */
  readonly signal: AbortSignal | null
}

/**
 * The connections of a client: those to public addresses, and those to all that the policy allows. A request that used
 * the first is known to have reached a public address.
 */
export interface GuardedAgents {
  /** Calls `send` with the agent for the URL. */
  run<T>(url: URL, send: (agent: Dispatcher) => Promise<T>, watch: HiddenWatch): Promise<T>
  close(): Promise<void>
}

export function createGuardedAgents(options: GuardedAgentsOptions): GuardedAgents {
  const { policy } = options
  const agents = { public: createAgent('public', options), local: createAgent('local', options) }
  return {
    async run(url, send, watch) {
      const sendLocally = () => {
        const reply = send(agents.local)
        return policy.showsInternal ? reply : hideOutcome(reply, watch)
      }
      if (firstReach(policy, url) === 'local') return sendLocally()
      try {
        return await send(agents.public)
      } catch (error) {
        // Nothing was sent, because there is no connection.
        if (mayBeInternal(policy, error)) return sendLocally()
        throw error
      }
    },
    close: async () => void (await Promise.all([agents.public.destroy(), agents.local.destroy()])),
  }
}

/** Calls `onHidden` before the outcome of the call is known. */
async function hideOutcome<T>(call: Promise<T>, { onHidden, signal }: HiddenWatch): Promise<T> {
  signal?.addEventListener('abort', onHidden)
  try {
    const reply = await call
    onHidden()
    return reply
  } catch (error) {
    if (!isBeforeConnection(error)) onHidden()
    throw error
  } finally {
    signal?.removeEventListener('abort', onHidden)
  }
}

function createAgent(reach: Reach, options: GuardedAgentsOptions): Agent {
  return new Agent({
    allowH2: false,
    maxHeaderSize: headerBytesMax,
    keepAliveTimeout: keepAliveMs,
    keepAliveMaxTimeout: options.keepAliveMaxMs ?? keepAliveMs,
    factory: (origin, settings) =>
      new Pool(origin, { ...settings, connect: guardedConnector(destinationOf(new URL(origin)), reach, options) }),
  })
}

function firstReach(policy: AddressPolicy, url: URL): Reach {
  const destination = destinationOf(url)
  if (policy.showsInternal) return 'local'
  if (isIP(destination.host) !== 0)
    return verdictOf(policy, destination.host, destination) === 'internal' ? 'local' : 'public'
  const isLocal = isNamedDestination(policy, destination) || (policy.allowPrivate && isLocalName(destination))
  return isLocal ? 'local' : 'public'
}

/** Answers of name servers that do not know a name, which /etc/hosts may have. Not a timeout: it would happen twice. */
const unknownName: ReadonlySet<unknown> = new Set(['ENOTFOUND', 'ENODATA', 'ECONNREFUSED'])

function mayBeInternal({ allowPrivate }: AddressPolicy, error: unknown): boolean {
  const reason = error instanceof Error && error.cause instanceof EgressError ? error.cause : error
  if (reason instanceof InternalName) return true
  if (!allowPrivate || !(reason instanceof EgressError) || reason.code !== 'egress-dns') return false
  return reason.cause instanceof Error && 'code' in reason.cause && unknownName.has(reason.cause.code)
}
