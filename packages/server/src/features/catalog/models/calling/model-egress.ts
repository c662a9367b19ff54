import { createEgress, type Egress } from '../../../../platform/egress/egress.ts'
import type { Service } from '../../../../platform/platform.ts'
import { providerAddressRule } from '../../provider-keys/index.ts'

/** The process's guarded HTTP client for model calls; their address rule differs from that of webhooks. */
export const modelEgress: Service<Egress> = {
  name: 'model egress',
  open: () => createEgress(providerAddressRule),
  close: (instance) => instance.close(),
}
