import type { Tx } from '../../../../platform/db/database.ts'
import { insertNotification } from '../../notifications/index.ts'
import { disableWebhook, noteFailure, noteSuccess, type Webhook } from '../../webhooks/index.ts'
import { isGone, isTaken, type ReceiverAnswer } from './retry-plan.ts'

/** A webhook whose deliveries have all failed for this long is disabled. */
const failingMaxMs = 5 * 24 * 60 * 60_000

const whyDisabled = {
  gone: 'its receiver answered 410 Gone',
  failing: 'everything sent to it failed for five days',
} as const

/**
 * Records the effect of an attempt on its webhook's health, which may disable it. Returns whether attempts may still
 * wait for a disabled webhook.
 */
export async function noteHealth(
  tx: Tx,
  webhook: Webhook,
  { answer, now }: { answer: ReceiverAnswer; now: Date },
): Promise<boolean> {
  // Many attempts share the webhook's row, so it is written only if this attempt changes it.
  if (isTaken(answer)) {
    if (webhook.failingSince !== null) await noteSuccess(tx, webhook.id)
    return false
  }
  const failingSince = webhook.failingSince ?? (await noteFailure(tx, webhook.id, now)) ?? now
  const reason = isGone(answer) ? 'gone' : now.getTime() - failingSince.getTime() > failingMaxMs ? 'failing' : undefined
  if (reason === undefined) return false
  if (!(await disableWebhook(tx, webhook.id, { reason, now, was: { url: webhook.url, failingSince } }))) return true
  const { organizationId, applicationId, url } = webhook
  // Omit the query, which may contain a token.
  const { origin, pathname } = new URL(url)
  await insertNotification(tx, {
    organizationId,
    applicationId,
    type: 'webhook.disabled',
    message: `The webhook ${origin}${pathname} was disabled: ${whyDisabled[reason]}.`,
  })
  return true
}
