import { createEgress, type Egress } from '../../../../platform/egress/egress.ts'
import type { Service } from '../../../../platform/platform.ts'
import { providerAddressRule } from '../../provider-keys/index.ts'

/** Providers that allow it keep the connection between two steps of a run, while its tools work. */
const keepAliveMaxMs = 600_000

/** The process's guarded HTTP client for model calls; their address rule differs from that of webhooks. */
export const modelEgress: Service<Egress> = {
  name: 'model egress',
  open: () => createEgress({ ...providerAddressRule, keepAliveMaxMs }),
  close: (instance) => instance.close(),
}
