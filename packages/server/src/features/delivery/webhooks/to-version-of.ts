import type { Platform } from '../../../platform/platform.ts'
import type { Webhook } from './webhook.ts'

/** What is sent of an event, from its newest shape into the webhook's version; the version chain knows it as `event:<type>`. */
export function toVersionOf(
  { versions }: Pick<Platform, 'versions'>,
  { apiVersion }: Pick<Webhook, 'apiVersion'>,
  { type, payload }: { type: string; payload: unknown },
): unknown {
  return versions.downgradeReply(apiVersion, `event:${type}`, payload)
}
