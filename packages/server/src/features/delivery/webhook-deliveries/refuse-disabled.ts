import { problem } from '../../../platform/problems/problem.ts'
import type { Webhook } from '../webhooks/index.ts'

/** Throws webhook-disabled: due deliveries of a disabled webhook are ended, not sent. */
export function refuseDisabled({ enabled }: Pick<Webhook, 'enabled'>): void {
  if (!enabled) throw problem('webhook-disabled', { detail: 'The webhook is disabled: enable it first.' })
}
