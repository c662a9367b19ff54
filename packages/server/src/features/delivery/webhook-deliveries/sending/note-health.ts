import type { Tx } from '../../../../platform/db/database.ts'
import { insertNotification } from '../../notifications/index.ts'
import { disableWebhook, noteFailure, noteSuccess, type Webhook } from '../../webhooks/index.ts'
import { isGone, isTaken, type ReceiverAnswer } from './retry-plan.ts'

/** A webhook that took nothing for so long is disabled. */
const failingMaxMs = 5 * 24 * 60 * 60_000

const whyDisabled = {
  gone: 'its receiver answered 410 Gone',
  failing: 'everything sent to it failed for five days',
} as const

/** Writes down what an attempt says about its webhook, which may disable it. Returns whether that may have left something waiting for a disabled webhook. */
export async function noteHealth(
  tx: Tx,
  webhook: Webhook,
  { answer, now }: { answer: ReceiverAnswer; now: Date },
): Promise<boolean> {
  // The webhook was read before the attempt: a row that many attempts share is written only where they change it.
  if (isTaken(answer)) {
    if (webhook.failingSince !== null) await noteSuccess(tx, webhook.id)
    return false
  }
  const failingSince = webhook.failingSince ?? (await noteFailure(tx, webhook.id, now)) ?? now
  const reason = isGone(answer) ? 'gone' : now.getTime() - failingSince.getTime() > failingMaxMs ? 'failing' : undefined
  if (reason === undefined) return false
  if (!(await disableWebhook(tx, webhook.id, { reason, now, was: { url: webhook.url, failingSince } }))) return true
  const { organizationId, applicationId, url } = webhook
  // Its query may hold a token.
  const { origin, pathname } = new URL(url)
  await insertNotification(tx, {
    organizationId,
    applicationId,
    type: 'webhook.disabled',
    message: `The webhook ${origin}${pathname} was disabled: ${whyDisabled[reason]}.`,
  })
  return true
}
