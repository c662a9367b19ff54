import { Type } from 'typebox'
import { Compile } from 'typebox/compile'
import type { Platform } from '../../../platform/platform.ts'
import { contentSeals } from '../../accounts/end-users/index.ts'
import { findRun, unsealRun, unsealRunError, toRunWire } from '../../execution/runs/index.ts'
import { toVersionOf, type Webhook } from '../webhooks/index.ts'
import type { WebhookEvent } from './delivery.ts'
import { eventBody, eventObject, type EventBody, type EventContent } from './event-body.ts'

/** The body that a webhook gets for an event, in the webhook's version. */
export async function renderEvent(
  platform: Platform,
  webhook: Pick<Webhook, 'apiVersion' | 'payloadMode'>,
  event: WebhookEvent,
): Promise<EventBody> {
  const content =
    webhook.payloadMode === 'full' && event.runId !== null
      ? await readContent(platform, event, event.runId)
      : 'unwanted'
  const object = eventObject({ runId: event.runId, payload: await openPayload(platform, event) }, content)
  return eventBody(event, webhook.apiVersion, toVersionOf(platform, webhook, { type: event.type, payload: object }))
}

/** The events after which a run no longer changes. */
const lastEvents: ReadonlySet<string> = new Set(['run.completed', 'run.failed', 'run.timeout', 'run.cancelled'])

async function readContent(platform: Platform, event: WebhookEvent, runId: string): Promise<EventContent> {
  const scope = { organizationId: event.organizationId, applicationId: event.applicationId, endUserId: null }
  const stored = await findRun(platform.db, scope, runId)
  if (stored === undefined) return 'deleted'
  const { input, config, metadata, output, report } = toRunWire(await unsealRun(platform, stored))
  // A later attempt must not include data from after the event.
  return {
    input,
    config,
    metadata,
    ...(lastEvents.has(event.type) ? { output, report } : { output: null, report: null }),
  }
}

const text = Type.String()
const storedError = Compile(
  Type.Object({
    code: text,
    message: text,
    reasons: Type.Optional(Type.Array(Type.Object({ pointer: text, message: text }))),
  }),
)

// The error texts of an end-user's run are stored encrypted, as in the run itself.
async function openPayload(
  platform: Platform,
  { applicationId, endUserId, payload }: WebhookEvent,
): Promise<WebhookEvent['payload']> {
  const error = payload['error']
  if (endUserId === null || !storedError.Check(error)) return payload
  const sealOf = await platform.use(contentSeals).ofAll(platform.db, applicationId, [endUserId])
  return { ...payload, error: unsealRunError(sealOf(endUserId), error) }
}
