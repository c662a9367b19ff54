import type { Config } from '../config/config.ts'
import type { Service } from '../platform.ts'
import { addressKind, isLoopback } from '../addresses/address.ts'
import { isNamed, opens, parseAllowedDestination, type AllowedDestination } from '../addresses/allowed-destination.ts'
import { destinationOf, type Destination } from '../addresses/destination.ts'

/** Which addresses the server calls for its users: model servers, webhooks. There is one policy per process. */
export interface AddressPolicy {
  /** True if loopback and private addresses may be called. */
  readonly allowPrivate: boolean
  /** What the operator allowed besides, and the servers that this process runs itself. */
  readonly allowed: AllowedDestination[]
  /** True on a machine of one person: the replies of internal addresses are then shown as those of public ones. */
  readonly showsInternal: boolean
}

/** `internal` addresses are not public, but allowed. */
export type AddressVerdict = 'public' | 'internal' | 'refused'

/** The process's address policy. */
export const addressPolicy: Service<AddressPolicy> = {
  name: 'address policy',
  open: ({ config }) => addressPolicyOf(config),
}

type PolicyConfig = Pick<
  Config,
  'DATABASE_URL' | 'HOST' | 'ALLOW_PRIVATE_ADDRESSES' | 'WEBHOOKS_ALLOW_LOCAL' | 'EGRESS_ALLOW'
>

/** The policy of a configuration. */
export function addressPolicyOf(config: PolicyConfig): AddressPolicy {
  const isOnePerson = config.DATABASE_URL === undefined && isLoopback(config.HOST)
  return {
    allowPrivate: config.ALLOW_PRIVATE_ADDRESSES ?? (isOnePerson || config.WEBHOOKS_ALLOW_LOCAL === 'on'),
    allowed: [...config.EGRESS_ALLOW],
    showsInternal: isOnePerson,
  }
}

/** Allows a server that this process runs itself, such as the demo's model. */
export function allowOwnServer({ allowed }: AddressPolicy, url: string): void {
  const { host, port } = destinationOf(new URL(url))
  allowed.push(parseAllowedDestination(`${host.includes(':') ? `[${host}]` : host}:${port}`))
}

/** What the policy says about an address that a destination has. */
export function verdictOf(policy: AddressPolicy, address: string, destination: Destination): AddressVerdict {
  const kind = addressKind(address)
  if (kind === 'public') return 'public'
  if (kind === 'none') return 'refused'
  if (kind === 'local' && policy.allowPrivate) return 'internal'
  return policy.allowed.some((entry) => opens(entry, { address, kind }, destination)) ? 'internal' : 'refused'
}

/** True if EGRESS_ALLOW names the host and the port of a URL. */
export function isNamedDestination({ allowed }: AddressPolicy, destination: Destination): boolean {
  return allowed.some((entry) => isNamed(entry, destination))
}
