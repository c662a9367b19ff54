import { addressPolicyOf, type AddressPolicy } from '../address-policy.ts'
import { parseAllowedDestination } from '../../addresses/allowed-destination.ts'

/** The policy of a server with its own database: public addresses, and those of EGRESS_ALLOW. */
export function closedPolicy(...egressAllow: readonly string[]): AddressPolicy {
  return policyOf({ ALLOW_PRIVATE_ADDRESSES: undefined, egressAllow })
}

/** The policy of a server with its own database that may call loopback and private addresses. */
export function privatePolicy(...egressAllow: readonly string[]): AddressPolicy {
  return policyOf({ ALLOW_PRIVATE_ADDRESSES: true, egressAllow })
}

/** The policy of a machine of one person: the embedded database, and HOST is loopback. */
export const localPolicy: AddressPolicy = addressPolicyOf({
  DATABASE_URL: undefined,
  HOST: '127.0.0.1',
  ALLOW_PRIVATE_ADDRESSES: undefined,
  WEBHOOKS_ALLOW_LOCAL: 'off',
  EGRESS_ALLOW: [],
})

function policyOf(settings: {
  readonly ALLOW_PRIVATE_ADDRESSES: boolean | undefined
  readonly egressAllow: readonly string[]
}): AddressPolicy {
  return addressPolicyOf({
    DATABASE_URL: 'postgres://db.example/appstrate',
    HOST: '127.0.0.1',
    ALLOW_PRIVATE_ADDRESSES: settings.ALLOW_PRIVATE_ADDRESSES,
    WEBHOOKS_ALLOW_LOCAL: 'off',
    EGRESS_ALLOW: settings.egressAllow.map(parseAllowedDestination),
  })
}
