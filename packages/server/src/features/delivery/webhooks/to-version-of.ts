import type { Platform } from '../../../platform/platform.ts'
import type { Webhook } from './webhook.ts'

/** Converts an event's payload from its newest shape to the webhook's version, as `event:<type>` of the chain. */
export function toVersionOf(
  { versions }: Pick<Platform, 'versions'>,
  { apiVersion }: Pick<Webhook, 'apiVersion'>,
  { type, payload }: { type: string; payload: unknown },
): unknown {
  return versions.downgradeReply(apiVersion, `event:${type}`, payload)
}
